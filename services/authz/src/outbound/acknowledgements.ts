/** Who waits for JetStream to have an event. */
export class Acknowledgements {
  readonly #waiting = new Map<string, (stored: boolean) => void>();

  wait(id: string, timeoutMs: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => this.#settle(id, false), timeoutMs);
    this.#waiting.set(id, (stored) => {
      clearTimeout(timer);
      resolve(stored);
    });
    return promise;
  }

  stored(id: string): void {
    if (this.#waiting.size > 0) this.#settle(id, true);
  }

  #settle(id: string, stored: boolean): void {
    this.#waiting.get(id)?.(stored);
    this.#waiting.delete(id);
  }
}
