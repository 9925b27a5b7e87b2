/** How long the loop must have had next to nothing left before it counts as behind, and how far back is looked. Milliseconds. */
const overMs = 500;
/** The share of time without work below which a loop is behind. */
const leastIdle = 0.03;

/**
 * Tells load from a stall. A loop that is asked for more than it can do has no idle moment for as long as that lasts; one that merely stood
 * still (collecting garbage, a processor that others had) works off what piled up and is idle again. So it is the time without idleness that
 * counts, not how much came together.
 */
export class Backlog {
  readonly #now: () => number;
  readonly #idle: () => number;
  #since: number;
  #idleThen: number;
  #behind = false;

  /** @param idle milliseconds that the loop has waited for something to do, in all. */
  constructor(now: () => number, idle: () => number) {
    this.#now = now;
    this.#idle = idle;
    this.#since = now();
    this.#idleThen = idle();
  }

  /** To be called once in each turn that has work. */
  turn(): void {
    const now = this.#now();
    const elapsed = now - this.#since;
    if (elapsed < overMs) return;
    const idle = this.#idle();
    this.#behind = idle - this.#idleThen < leastIdle * elapsed;
    this.#since = now;
    this.#idleThen = idle;
  }

  behind(): boolean {
    return this.#behind;
  }
}
