import { setTimeout as pause } from "node:timers/promises";
import { type Caller, callAuthz, isAllowed } from "../caller.ts";

/** What a stretch of load saw. */
export interface Stretch {
  /** Milliseconds of each answer. */
  readonly latencies: number[];
  allowed: number;
  denied: number;
  /** Calls that got no answer. */
  failed: number;
}

const newStretch = (): Stretch => ({ latencies: [], allowed: 0, denied: 0, failed: 0 });

const renewMs = 100_000;

/** Calls authz without end, in a closed loop, and remembers every decision that let a call pass. */
export class Load implements AsyncDisposable {
  /** Decisions that a client was told may go ahead. */
  readonly allowed: string[] = [];
  readonly denials = new Map<string, number>();
  stretch = newStretch();
  readonly #address: string;
  readonly #issue: () => Promise<string>;
  readonly #renewal: NodeJS.Timeout;
  #token: string;
  readonly #workers: Promise<void>[];
  #caller: Caller;
  #stopped = false;

  static async start(address: string, issue: () => Promise<string>, options: { workers?: number; pauseMs?: number } = {}): Promise<Load> {
    return new Load(address, issue, await issue(), options);
  }

  private constructor(address: string, issue: () => Promise<string>, token: string, options: { workers?: number; pauseMs?: number }) {
    this.#address = address;
    this.#issue = issue;
    this.#token = token;
    this.#renewal = setInterval(() => void this.#renew(), renewMs);
    this.#caller = callAuthz(address, token);
    this.#workers = Array.from({ length: options.workers ?? 8 }, () => this.#work(options.pauseMs ?? 5));
  }

  /** Ends a stretch and begins another. */
  next(): Stretch {
    const ended = this.stretch;
    this.stretch = newStretch();
    return ended;
  }

  /** A fresh connection: gRPC's own wait before it tries again is not what a drill measures. */
  reconnect(): void {
    this.#caller[Symbol.dispose]();
    this.#caller = callAuthz(this.#address, this.#token);
  }

  async stop(): Promise<void> {
    clearInterval(this.#renewal);
    this.#stopped = true;
    await Promise.all(this.#workers);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.#caller[Symbol.dispose]();
  }

  /** A token lives for five minutes. When none can be had, the next time has to do. */
  async #renew(): Promise<void> {
    this.#token = await this.#issue().catch(() => this.#token);
    if (!this.#stopped) this.reconnect();
  }

  async #work(pauseMs: number): Promise<void> {
    while (!this.#stopped) {
      const begun = performance.now();
      try {
        const answer = await this.#caller.pay(10, { deadlineMs: 5_000 });
        this.stretch.latencies.push(performance.now() - begun);
        if (isAllowed(answer)) {
          this.allowed.push(answer.decisionId);
          this.stretch.allowed += 1;
        } else {
          this.stretch.denied += 1;
          const code = answer.reasons[0]?.code ?? "";
          this.denials.set(code, (this.denials.get(code) ?? 0) + 1);
        }
      } catch {
        this.stretch.failed += 1;
        await pause(20);
      }
      await pause(pauseMs);
    }
  }
}

/** Rounded to a tenth. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(10 * (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0)) / 10;
}
