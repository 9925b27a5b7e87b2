/** How long a repeated request gets the answer it got before, in milliseconds. */
export const answersKeptMs = 5 * 60 * 1000;

/**
 * Answers by idempotency key. A repeat that comes while the first is still being decided shares it.
 * Entries leave in the order they came: all live equally long. Memory is bounded by number and by weight, whatever callers send.
 */
export class RecentAnswers<T> {
  readonly #answers = new Map<string, { at: number; answer: T; weight: number }>();
  readonly #most: number;
  readonly #mostWeight: number;
  #weight = 0;

  constructor(most = 50_000, mostWeight = 64 * 1024 * 1024) {
    this.#most = most;
    this.#mostWeight = mostWeight;
  }

  get(key: string, now: number): T | undefined {
    const known = this.#answers.get(key);
    return known && now - known.at < answersKeptMs ? known.answer : undefined;
  }

  /** `weight` is roughly the bytes that the answer keeps alive. */
  set(key: string, answer: T, now: number, weight = 0): void {
    this.#delete(key);
    this.#answers.set(key, { at: now, answer, weight });
    this.#weight += weight;
    for (const [oldest, { at }] of this.#answers) {
      if (this.#answers.size <= this.#most && this.#weight <= this.#mostWeight && now - at < answersKeptMs) break;
      this.#delete(oldest);
    }
  }

  /** Forgets an answer that must not be repeated, unless a newer one took its place. */
  forget(key: string, answer: T): void {
    if (this.#answers.get(key)?.answer === answer) this.#delete(key);
  }

  #delete(key: string): void {
    this.#weight -= this.#answers.get(key)?.weight ?? 0;
    this.#answers.delete(key);
  }
}
