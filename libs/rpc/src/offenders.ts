/** So many offences within so long, and an address is barred. */
const most = 3;
const withinMs = 10_000;
const firstBarMs = 1_000;
const longestBarMs = 30_000;
/** Addresses remembered; beyond it the one that has been still for longest is forgotten. */
const remembered = 1_024;

interface Offences {
  offences: number;
  last: number;
  barredUntil: number;
}

/**
 * Remembers which addresses had connections closed for flooding. A single flood costs its connection, for proxies pass on what their clients
 * do; whoever floods again and again is not let in for a while, and twice as long each time.
 */
export class Offenders {
  readonly #now: () => number;
  readonly #known = new Map<string, Offences>();

  /** @param now milliseconds on a clock that never goes back. */
  constructor(now: () => number) {
    this.#now = now;
  }

  offended(address: string): void {
    const now = this.#now();
    const before = this.#known.get(address);
    const recent = before !== undefined && now - Math.max(before.last, before.barredUntil) < withinMs ? before.offences : 0;
    const offences = recent + 1;
    const barMs = offences < most ? 0 : Math.min(longestBarMs, firstBarMs * 2 ** (offences - most));
    this.#known.delete(address);
    this.#known.set(address, { offences, last: now, barredUntil: now + barMs });
    const [oldest] = this.#known.keys();
    if (this.#known.size > remembered && oldest !== undefined) this.#known.delete(oldest);
  }

  barred(address: string): boolean {
    return (this.#known.get(address)?.barredUntil ?? 0) > this.#now();
  }
}
