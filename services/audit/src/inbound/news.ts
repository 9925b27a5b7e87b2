import { EventEmitter } from "node:events";
import type { Appended } from "#usecases/append.ts";

/** Tells whoever waits that a tenant's ledger has grown. */
export class News {
  readonly #emitter = new EventEmitter().setMaxListeners(0);

  /** This instance has committed entries. */
  readonly appended = ({ entries }: Appended): void => {
    for (const tenant of entries.keys()) this.#emitter.emit(tenant);
    this.#emitter.emit("*");
  };

  /** Resolves on news of the tenant, of any for "*", after so many milliseconds, or on abort. */
  of(tenant: string, milliseconds: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        this.#emitter.off(tenant, finish);
        signal.removeEventListener("abort", finish);
        resolve();
      };
      const timer = setTimeout(finish, milliseconds);
      this.#emitter.on(tenant, finish);
      signal.addEventListener("abort", finish);
      if (signal.aborted) finish();
    });
  }
}
