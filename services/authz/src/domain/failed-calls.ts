/** How long a failure is held against a call, in milliseconds. */
const failuresKeptMs = 60 * 60 * 1000;

/** A call that was made: whose it was and its action digest. */
export interface MadeCall {
  readonly tenant: string;
  readonly agent: string;
  readonly actionDigest: string;
}

/** How often calls failed lately, each by its digest: the same arguments, tool and destination. Bounded, the oldest leave first. */
export class FailedCalls {
  readonly #failures = new Map<string, { times: number; last: number }>();
  readonly #most: number;

  constructor(most = 100_000) {
    this.#most = most;
  }

  failed(call: MadeCall, now: number): void {
    const key = keyOf(call);
    const times = this.times(call, now) + 1;
    this.#failures.delete(key);
    this.#failures.set(key, { times, last: now });
    for (const [oldest, { last }] of this.#failures) {
      if (this.#failures.size <= this.#most && now - last < failuresKeptMs) break;
      this.#failures.delete(oldest);
    }
  }

  /** It can be done after all. */
  succeeded(call: MadeCall): void {
    this.#failures.delete(keyOf(call));
  }

  times(call: MadeCall, now: number): number {
    const known = this.#failures.get(keyOf(call));
    return known && now - known.last < failuresKeptMs ? known.times : 0;
  }
}

const keyOf = ({ tenant, agent, actionDigest }: MadeCall): string => `${tenant}\n${agent}\n${actionDigest}`;
