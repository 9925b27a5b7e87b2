import { sleep } from "@aegis/service/clock";

/** Waits between attempts: doubling from `firstMs` to `lastMs`, each ±50 %, and cut short by the signal. */
export class Backoff {
  readonly #firstMs: number;
  readonly #lastMs: number;
  #attempt = 0;

  constructor(firstMs = 100, lastMs = 5_000) {
    this.#firstMs = firstMs;
    this.#lastMs = lastMs;
  }

  reset(): void {
    this.#attempt = 0;
  }

  /** Resolves after the wait or on abort; never rejects. */
  wait(signal: AbortSignal): Promise<void> {
    const ms = Math.min(this.#firstMs * 2 ** this.#attempt++, this.#lastMs) * (0.5 + Math.random());
    return sleep(ms, signal);
  }
}
