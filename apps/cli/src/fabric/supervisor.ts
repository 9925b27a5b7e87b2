import { setTimeout as delay } from "node:timers/promises";
import type { Exit, RunningProcess } from "@aegis/infra/process";
import { identify, type ProcessIdentity } from "./process-identity.ts";
import type { PartRecord } from "./record.ts";

/** Something the supervisor keeps running. */
export interface Part {
  readonly name: string;
  /** Parts of a later stage are stopped first: services before the stores they use. */
  readonly stage: number;
  /** Where it answers `GET /readyz`, when it does. */
  readonly url?: string;
  start(): Promise<RunningProcess>;
}

export interface SupervisorOptions {
  onChange: (parts: PartRecord[]) => void;
  onCrash: (name: string, why: string, restarts: number) => void;
  backoff?: { firstMs: number; mostMs: number; resetAfterMs: number };
}

interface Kept {
  part: Part;
  running?: RunningProcess | undefined;
  identity?: ProcessIdentity | undefined;
  restarts: number;
  lastExit?: string;
  /** The restart loop; settled when it has ended. */
  loop?: Promise<void>;
}

/** Keeps parts running until told to stop: what ends by itself is started again, ever more slowly while it keeps ending. */
export class Supervisor {
  readonly #options: Required<SupervisorOptions>;
  readonly #kept: Kept[] = [];
  readonly #stopping = new AbortController();

  constructor(options: SupervisorOptions) {
    this.#options = { backoff: { firstMs: 100, mostMs: 5_000, resetAfterMs: 3_000 }, ...options };
  }

  /** Starts a part for the first time; throws when even that does not work. */
  async start(part: Part): Promise<void> {
    const kept: Kept = { part, restarts: 0 };
    await this.#run(kept);
    this.#kept.push(kept);
    this.#changed();
    kept.loop = this.#keep(kept);
  }

  parts(): PartRecord[] {
    return this.#kept.map(({ part, identity, restarts, lastExit }) => ({
      name: part.name,
      ...(identity === undefined ? {} : { process: identity }),
      restarts,
      ...(lastExit === undefined ? {} : { lastExit }),
      ...(part.url === undefined ? {} : { url: part.url }),
    }));
  }

  /** Stops every part, later stages first, each stage at once; nothing is restarted any more. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const stage of [...new Set(this.#kept.map(({ part }) => part.stage))].sort((a, b) => b - a)) {
      const members = this.#kept.filter(({ part }) => part.stage === stage);
      await Promise.all(
        members.map(async (kept) => {
          await kept.running?.stop();
          await kept.loop;
          // A restart that was under way when the stop began may have brought up one more.
          await kept.running?.stop();
        }),
      );
    }
  }

  async #run(kept: Kept): Promise<void> {
    const running = await kept.part.start();
    kept.running = running;
    kept.identity = identify(running.pid);
  }

  async #keep(kept: Kept): Promise<void> {
    const { firstMs, mostMs, resetAfterMs } = this.#options.backoff;
    let wait = firstMs;
    while (!this.#stopping.signal.aborted) {
      const since = Date.now();
      const why = kept.running ? describe(await kept.running.exited) : "it did not start";
      if (this.#stopping.signal.aborted) return;
      if (Date.now() - since > resetAfterMs) wait = firstMs;
      kept.running = undefined;
      kept.identity = undefined;
      kept.lastExit = why;
      kept.restarts += 1;
      this.#tell(kept.part.name, why, kept.restarts);
      this.#changed();
      await delay(wait, undefined, { signal: this.#stopping.signal }).catch(() => {});
      wait = Math.min(wait * 2, mostMs);
      if (this.#stopping.signal.aborted) return;
      await this.#run(kept).catch((error: Error) => this.#tell(kept.part.name, error.message, kept.restarts));
      this.#changed();
    }
  }

  /** Whoever watches cannot end a restart loop: a part is started again even when nobody can write that down. */
  #changed(): void {
    try {
      this.#options.onChange(this.parts());
    } catch (caught) {
      this.#tell("the record", `cannot be kept: ${(caught as Error).message}`, 0);
    }
  }

  #tell(...crash: Parameters<SupervisorOptions["onCrash"]>): void {
    try {
      this.#options.onCrash(...crash);
    } catch {
      // Words that cannot be written are lost; the restart goes on.
    }
  }
}

const describe = ({ code, signal }: Exit): string => (signal ? `killed by ${signal}` : `exit status ${code}`);
