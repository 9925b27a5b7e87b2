/** Where an entry stands, for naming faults. */
export interface Position {
  readonly tenant: string;
  readonly sequence: number;
  /** RFC 3339. */
  readonly recordedAt: string;
}

/** Sequences seen without a hole. */
interface Run {
  start: number;
  end: number;
  /** The entry that holds `start`. */
  first: Position;
}

/** Some sequences of one epoch that nobody recorded. */
export interface ProducerGap {
  readonly producer: string;
  readonly epoch: string;
  /** The first and the last that are missing. */
  readonly from: number;
  readonly to: number;
  /** The entry that follows the gap. */
  readonly before: Position;
}

/** Finds repeats and gaps in what producers numbered from 1. Memory grows with gaps and epochs, not with entries. */
export class ProducerSequences {
  readonly #epochs = new Map<string, { readonly producer: string; readonly epoch: string; readonly runs: Run[] }>();

  /** Takes in one entry; false when this producer's epoch already used the sequence. */
  add(producer: string, epoch: string, sequence: number, position: Position): boolean {
    const key = JSON.stringify([producer, epoch]);
    const known = this.#epochs.get(key) ?? { producer, epoch, runs: [] };
    this.#epochs.set(key, known);
    const { runs } = known;
    const at = firstFrom(runs, sequence);
    const [before, after] = [runs[at - 1], runs[at]];
    if (after?.start === sequence || (before !== undefined && before.end >= sequence)) return false;
    if (before?.end === sequence - 1) {
      before.end = after?.start === sequence + 1 ? after.end : sequence;
      if (before.end !== sequence) runs.splice(at, 1);
    } else if (after?.start === sequence + 1) {
      after.start = sequence;
      after.first = position;
    } else {
      runs.splice(at, 0, { start: sequence, end: sequence, first: position });
    }
    return true;
  }

  /** Every hole below a sequence that was seen; what an epoch has not yet said after its last is no hole. */
  *gaps(): Generator<ProducerGap> {
    for (const { producer, epoch, runs } of this.#epochs.values()) {
      let next = 1;
      for (const run of runs) {
        if (run.start > next) yield { producer, epoch, from: next, to: run.start - 1, before: run.first };
        next = run.end + 1;
      }
    }
  }
}

/** Index of the first run that starts at or after `sequence`. */
function firstFrom(runs: readonly Run[], sequence: number): number {
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((runs[middle] as Run).start < sequence) low = middle + 1;
    else high = middle;
  }
  return low;
}
