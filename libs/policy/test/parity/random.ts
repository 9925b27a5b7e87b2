/** Random choices that a seed repeats: the same seed gives the same policies and calls, on every machine. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** In [0, 1). Mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** From `least` to `most`, both included. */
  integer(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  /** True in a share of cases. */
  chance(share: number): boolean {
    return this.next() < share;
  }

  pick<T>(from: readonly T[]): T {
    if (from.length === 0) throw new Error("there is nothing to choose from");
    return from[this.integer(0, from.length - 1)]!;
  }

  /** Up to `most` of them and at least `least`, each once, in their own order. */
  some<T>(from: readonly T[], least: number, most: number): T[] {
    const wanted = Math.min(from.length, this.integer(least, most));
    const chosen = new Set<number>();
    while (chosen.size < wanted) chosen.add(this.integer(0, from.length - 1));
    return from.filter((_, at) => chosen.has(at));
  }

  /** The value, or in the other cases nothing. */
  maybe<T>(share: number, make: () => T): T | undefined {
    return this.chance(share) ? make() : undefined;
  }

  list<T>(least: number, most: number, make: (at: number) => T): T[] {
    return Array.from({ length: this.integer(least, most) }, (_, at) => make(at));
  }
}
