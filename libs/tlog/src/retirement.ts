/** What the ledger itself records of retention, on `aegis.ledger.<tenant>.<verb>`: no producer can publish there. */
const verbs = ["held", "released", "retired"] as const;

interface Told {
  /** Where it stands in the ledger. */
  readonly sequence: number;
  readonly first: number;
  readonly last: number;
}

interface HoldSpan {
  readonly placed: number;
  /** Covers every entry of the tenant. */
  readonly whole: boolean;
  released: number;
}

/** Sequences without a hole. */
interface Run {
  readonly first: number;
  last: number;
}

/** How long what is gone had to stay. */
export interface RetentionRule {
  readonly days: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

const dayMs = 86_400_000;

/** The size and time of a signed checkpoint: whatever is below the size was there at that time. */
export interface SignedTime {
  readonly size: number;
  /** RFC 3339. */
  readonly time: string;
}

/** Tells entries that retention removed from entries that somebody removed. Takes in one tenant's, in order of their sequence. */
export class Retirements {
  readonly #gone: Run[] = [];
  readonly #told: Told[] = [];
  readonly #holds = new Map<string, HoldSpan>();
  /** Entries that are gone. */
  count = 0;

  /** Of this entry its hash alone is left. */
  gone(sequence: number): void {
    this.count += 1;
    const last = this.#gone.at(-1);
    if (last !== undefined && last.last === sequence - 1) last.last = sequence;
    else this.#gone.push({ first: sequence, last: sequence });
  }

  /** An entry that is there: it may tell of holds and retirements. */
  heard(tenant: string, sequence: number, subject: string, event: Readonly<Record<string, unknown>>): void {
    const verb = verbs.find((each) => subject === `aegis.ledger.${tenant}.${each}`);
    if (verb === undefined || event.type !== `dev.aegis.ledger.${verb}.v1`) return;
    const { hold, first, last, ...scope } = (event.data ?? {}) as Readonly<Record<string, unknown>>;
    if (verb === "retired") this.#told.push({ sequence, first: Number(first), last: Number(last) });
    else if (verb === "released") {
      const span = this.#holds.get(String(hold));
      if (span !== undefined) span.released = Math.min(span.released, sequence);
    } else {
      const whole = ["agent", "prompt", "from", "to"].every((member) => scope[member] === undefined);
      this.#holds.set(String(hold), { placed: sequence, whole, released: Number.POSITIVE_INFINITY });
    }
  }

  /** What is gone and should not be, with the first sequence of each kind and run. */
  *faults(signed: readonly SignedTime[], { days, now }: RetentionRule): Generator<{ readonly sequence: number; readonly detail: string }> {
    // A month's last entries are signed a moment after it.
    const old = signed.filter(({ time }) => Date.parse(time) + (days - 1) * dayMs <= now).map(({ size }) => size);
    const young = Math.max(0, ...old);
    for (const { first, last } of this.#gone) {
      if (last >= young) yield { sequence: Math.max(first, young), detail: `gone, and signed less than ${days} days ago` };
      const uncovered = this.#uncovered(first, last);
      if (uncovered !== undefined) yield { sequence: uncovered, detail: "gone, and the ledger records no retirement of it" };
      const against = this.#told.find((told) => told.first <= last && told.last >= first && this.#held(told.sequence));
      if (against !== undefined) yield { sequence: Math.max(first, against.first), detail: "gone, although it was held" };
    }
  }

  #uncovered(first: number, last: number): number | undefined {
    let next = first;
    for (const told of [...this.#told].sort((a, b) => a.first - b.first)) if (told.first <= next && told.last >= next) next = told.last + 1;
    return next > last ? undefined : next;
  }

  #held(at: number): boolean {
    return [...this.#holds.values()].some(({ placed, whole, released }) => whole && placed < at && released > at);
  }
}
