/** How long a repeated request gets the answer it got before, in milliseconds. */
export const answersKeptMs = 5 * 60 * 1000;

/**
 * Answers by idempotency key. A repeat that comes while the first is still being decided shares it.
 * Entries leave in the order they came: all live equally long.
 */
export class RecentAnswers<T> {
  readonly #answers = new Map<string, { at: number; answer: T }>();
  readonly #most: number;

  constructor(most = 50_000) {
    this.#most = most;
  }

  get(key: string, now: number): T | undefined {
    const known = this.#answers.get(key);
    return known && now - known.at < answersKeptMs ? known.answer : undefined;
  }

  set(key: string, answer: T, now: number): void {
    this.#answers.delete(key);
    this.#answers.set(key, { at: now, answer });
    for (const [oldest, { at }] of this.#answers) {
      if (this.#answers.size <= this.#most && now - at < answersKeptMs) break;
      this.#answers.delete(oldest);
    }
  }

  /** Forgets an answer that must not be repeated, unless a newer one took its place. */
  forget(key: string, answer: T): void {
    if (this.#answers.get(key)?.answer === answer) this.#answers.delete(key);
  }
}
