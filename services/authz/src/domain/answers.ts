/** How long a repeated request gets the answer it got before, in milliseconds. */
export const answersKeptMs = 5 * 60 * 1000;

/**
 * Answers by idempotency key. A repeat that comes while the first is still being decided shares it.
 * Entries leave in the order they came: all live equally long. Memory is bounded by number and by weight, whatever callers send.
 */
export class RecentAnswers<T> {
  readonly #answers = new Map<string, Kept<T>>();
  /** In the order they came, those that were forgotten included: a map cannot say which of its keys is the oldest without passing all gaps. */
  #oldest: Kept<T> | undefined;
  #newest: Kept<T> | undefined;
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
    this.#delete(this.#answers.get(key));
    const kept: Kept<T> = { key, at: now, answer, weight, next: undefined };
    this.#answers.set(key, kept);
    this.#weight += weight;
    if (this.#newest === undefined) this.#oldest = kept;
    else this.#newest.next = kept;
    this.#newest = kept;
    for (let oldest = this.#oldest; oldest !== undefined; oldest = oldest.next) {
      this.#oldest = oldest;
      const gone = this.#answers.get(oldest.key) !== oldest;
      if (!gone && this.#answers.size <= this.#most && this.#weight <= this.#mostWeight && now - oldest.at < answersKeptMs) break;
      if (!gone) this.#delete(oldest);
    }
    if (this.#answers.size === 0) this.#oldest = this.#newest = undefined;
  }

  /** Forgets an answer that must not be repeated, unless a newer one took its place. */
  forget(key: string, answer: T): void {
    const kept = this.#answers.get(key);
    if (kept?.answer === answer) this.#delete(kept);
  }

  #delete(kept: Kept<T> | undefined): void {
    if (kept === undefined) return;
    this.#weight -= kept.weight;
    this.#answers.delete(kept.key);
  }
}

interface Kept<T> {
  readonly key: string;
  readonly at: number;
  readonly answer: T;
  readonly weight: number;
  next: Kept<T> | undefined;
}
