import type { HealthCheck } from "@aegis/service/health";
import type { Logger } from "@aegis/service/logger";
import { announce } from "#usecases/announce.ts";
import type { Appended } from "#usecases/append.ts";
import { checkpoint } from "#usecases/checkpoint.ts";
import { copies } from "#usecases/copies.ts";
import type { Ports } from "#usecases/ports.ts";

export interface ScheduleOptions {
  /** Between two rounds. */
  readonly intervalMs: number;
  /** New entries of one tenant that call for a round before the interval is over. */
  readonly entries: number;
  readonly logger: Logger;
  readonly postgres: HealthCheck;
}

export interface Schedule extends AsyncDisposable {
  /** Tells of new entries; needs no `this`. */
  readonly appended: (appended: Appended) => void;
}

const announceMs = 1_000;
/** Watermarks that checkpoints moved are told so often at most: each time they cost a look at all new entries. */
const changesMs = 200;

/** Makes checkpoints and tells watermarks, one round after the other; a round that fails is tried again with the next. */
export function runSchedule(ports: Omit<Ports, "ledger" | "entries">, options: ScheduleOptions): Schedule {
  const schedule = new Rounds(ports, options);
  const done = schedule.run();
  return {
    appended: (appended) => schedule.appended(appended),
    async [Symbol.asyncDispose]() {
      schedule.stop();
      await done;
    },
  };
}

class Rounds {
  readonly #options: ScheduleOptions;
  readonly #checkpoint: ReturnType<typeof checkpoint>;
  readonly #copies: ReturnType<typeof copies>;
  readonly #announce: ReturnType<typeof announce>;
  readonly #pending: () => Promise<string[]>;
  readonly #grown = new Map<string, number>();
  #stopped = false;
  /** Checkpoints are wanted before the interval is over. */
  #due = true;
  /** Every checkpoint has its copy in the archive. */
  #copied = false;
  #signed = 0;
  #announced = 0;
  #told = 0;
  #wake: () => void = () => undefined;

  constructor(ports: Omit<Ports, "ledger" | "entries">, options: ScheduleOptions) {
    this.#options = options;
    this.#checkpoint = checkpoint(ports);
    this.#copies = copies(ports);
    this.#announce = announce(ports);
    this.#pending = () => ports.checkpoints.pending();
  }

  appended({ entries }: Appended): void {
    for (const [tenant, count] of entries) {
      const grown = (this.#grown.get(tenant) ?? 0) + count;
      this.#grown.set(tenant, grown);
      if (grown < this.#options.entries) continue;
      this.#due = true;
      this.#wake();
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  async run(): Promise<void> {
    const { logger, intervalMs, postgres } = this.#options;
    while (!this.#stopped) {
      try {
        await this.#round();
        postgres.up();
      } catch (error) {
        postgres.down("a round of checkpoints failed");
        logger.warn({ err: error }, "a round of checkpoints failed; the next one tries again");
      }
      if (!this.#stopped && !this.#due) await this.#pause(Math.min(intervalMs, announceMs));
    }
  }

  async #round(): Promise<void> {
    if (!this.#copied) await this.#copies.complete();
    this.#copied = true;
    const made = (this.#due || performance.now() - this.#signed >= this.#options.intervalMs) && (await this.#checkpoints());
    if (this.#stopped) return;
    if (performance.now() - this.#announced >= announceMs) {
      this.#announced = performance.now();
      await this.#announce.all();
    } else if (made && performance.now() - this.#told >= changesMs) {
      this.#told = performance.now();
      await this.#announce.changes();
    }
  }

  /** True when one was made. */
  async #checkpoints(): Promise<boolean> {
    this.#due = false;
    this.#signed = performance.now();
    let made = false;
    for (const tenant of await this.#pending()) {
      this.#grown.delete(tenant);
      // One tenant whose checkpoint fails must not keep the others from theirs.
      const failed = (err: unknown) => {
        this.#copied = false;
        this.#options.logger.warn({ err, tenant }, "no checkpoint now; the next round tries again");
      };
      made = (await this.#checkpoint(tenant).catch(failed)) === true || made;
      if (this.#stopped) break;
    }
    return made;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
