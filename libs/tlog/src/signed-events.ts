import type { Statement } from "./statement.ts";

/** A statement, and since when the ledger has it. */
export interface Recorded {
  readonly statement: Statement;
  /** RFC 3339. */
  readonly recordedAt: string;
}

/** An event that was signed and that no row holds. */
export interface Unrecorded {
  readonly producer: string;
  readonly epoch: string;
  readonly number: number;
  readonly tenant: string;
  readonly recordedAt: string;
}

const chunkLength = 1024;
const digestLength = 32;

interface Chunk {
  readonly digests: Buffer;
  /** 0 unsigned, 1 signed, 2 signed and found. */
  readonly state: Uint8Array;
}

/** What producers signed, and which of it was found in the rows. 33 bytes an event. */
export class SignedEvents {
  readonly #recorded: Recorded[] = [];
  readonly #chunks = new Map<string, Chunk>();

  /** Takes in what a statement says; the number of the first event that an earlier one says otherwise. */
  add(recorded: Recorded): number | undefined {
    const { producer, epoch, first, events } = recorded.statement;
    this.#recorded.push(recorded);
    let contradiction: number | undefined;
    for (const [index, { digest }] of events.entries()) {
      const number = first + index;
      const [chunk, at] = this.#place(producer, epoch, number, true) as [Chunk, number];
      const held = chunk.digests.subarray(at * digestLength, (at + 1) * digestLength);
      if (chunk.state[at] === 0) {
        held.set(digest);
        chunk.state[at] = 1;
      } else if (!held.equals(digest)) contradiction ??= number;
    }
    return contradiction;
  }

  /** Compares a row with what its producer signed. Without a digest the row only fills its place. */
  find(producer: string, epoch: string, number: number, digest: Uint8Array | undefined): "same" | "other" | "unsigned" {
    const [chunk, at] = this.#place(producer, epoch, number, false) ?? [];
    if (chunk === undefined || at === undefined || chunk.state[at] === 0) return "unsigned";
    chunk.state[at] = 2;
    if (digest === undefined) return "same";
    return chunk.digests.subarray(at * digestLength, (at + 1) * digestLength).equals(digest) ? "same" : "other";
  }

  /** What was signed and not found, each once. */
  *unrecorded(): Generator<Unrecorded> {
    for (const { statement, recordedAt } of this.#recorded) {
      const { producer, epoch, first, events } = statement;
      for (const [index, { tenant }] of events.entries()) {
        const [chunk, at] = this.#place(producer, epoch, first + index, false) as [Chunk, number];
        if (chunk.state[at] !== 1) continue;
        chunk.state[at] = 2;
        yield { producer, epoch, number: first + index, tenant, recordedAt };
      }
    }
  }

  #place(producer: string, epoch: string, number: number, make: boolean): [Chunk, number] | undefined {
    const key = JSON.stringify([producer, epoch, Math.floor(number / chunkLength)]);
    let chunk = this.#chunks.get(key);
    if (chunk === undefined) {
      if (!make) return undefined;
      chunk = { digests: Buffer.alloc(chunkLength * digestLength), state: new Uint8Array(chunkLength) };
      this.#chunks.set(key, chunk);
    }
    return [chunk, number % chunkLength];
  }
}
