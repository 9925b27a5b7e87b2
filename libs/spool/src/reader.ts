import type { FileHandle } from "node:fs/promises";
import type { SpoolFiles } from "./files.ts";
import { decodeRecord, findRecord } from "./record.ts";
import type { Segment } from "./segment.ts";

/** One event, as it was appended. */
export interface SpoolRecord {
  readonly epoch: string;
  readonly sequence: number;
  readonly body: Buffer;
  /** The chain's head before it, 32 bytes; undefined for what an earlier version wrote. */
  readonly previous: Buffer | undefined;
}

/** Bytes that no longer make a record: lost from this spool, kept in its file. */
export interface Damage {
  readonly path: string;
  readonly offset: number;
  readonly bytes: number;
}

const chunkBytes = 256 * 1024;
/** Of the chain's head. */
const headBytes = 32;

/**
 * Reads one segment from its start, in chunks. A damaged stretch is told to `onDamage` and stepped over.
 * While the segment is still written to, `read` answers an empty list at its present end.
 */
export class SegmentReader {
  readonly segment: Segment;
  readonly #files: SpoolFiles;
  readonly #epoch: Buffer;
  readonly #onDamage: (damage: Damage) => void;
  #handle: FileHandle | undefined;
  #buffer: Buffer = Buffer.alloc(0);
  /** File offset of the buffer's first byte. */
  #base = 0;

  constructor(segment: Segment, files: SpoolFiles, onDamage: (damage: Damage) => void) {
    this.segment = segment;
    this.#files = files;
    this.#epoch = Buffer.from(segment.epoch, "hex");
    this.#onDamage = onDamage;
  }

  /** File offset behind the last record read. */
  get position(): number {
    return this.#base;
  }

  /** The next records, at most `max`; empty at the end of what is written. */
  async read(max: number): Promise<SpoolRecord[]> {
    for (;;) {
      const known = this.segment.bytes;
      const atEnd = this.#base + this.#buffer.length >= known;
      const records = this.#parse(max, atEnd && this.segment.closed);
      if (records.length > 0 || atEnd) return records;
      await this.#fill(known);
    }
  }

  async close(): Promise<void> {
    await this.#handle?.close();
    this.#handle = undefined;
  }

  #parse(max: number, final: boolean): SpoolRecord[] {
    const records: SpoolRecord[] = [];
    let at = 0;
    while (records.length < max && at < this.#buffer.length) {
      const decoded = decodeRecord(this.#buffer, at, this.#epoch, final);
      if (decoded.kind === "short") break;
      if (decoded.kind === "record") {
        records.push(this.#record(decoded.sequence, decoded.body));
        at = decoded.end;
        continue;
      }
      const next = findRecord(this.#buffer, at + 1, this.#epoch);
      if (next === undefined && !final) break;
      const end = next ?? this.#buffer.length;
      this.#onDamage({ path: this.segment.path, offset: this.#base + at, bytes: end - at });
      at = end;
    }
    this.#buffer = this.#buffer.subarray(at);
    this.#base += at;
    return records;
  }

  #record(sequence: number, body: Buffer): SpoolRecord {
    const { epoch, chained } = this.segment;
    if (!chained) return { epoch, sequence, body, previous: undefined };
    return { epoch, sequence, body: body.subarray(headBytes), previous: body.subarray(0, headBytes) };
  }

  async #fill(known: number): Promise<void> {
    const offset = this.#base + this.#buffer.length;
    const { latest } = this.segment;
    if (latest !== undefined && offset >= latest.offset && offset < latest.offset + latest.bytes.length) {
      this.#append(latest.bytes.subarray(offset - latest.offset));
      return;
    }
    this.#handle ??= await this.#files.read(this.segment.path);
    const wanted = Math.min(chunkBytes, known - offset);
    const chunk = Buffer.allocUnsafe(wanted);
    const { bytesRead } = await this.#handle.read(chunk, 0, wanted, offset);
    if (bytesRead === 0) throw new Error(`${this.segment.path} ends at ${offset}, ${known} were written`);
    this.#append(chunk.subarray(0, bytesRead));
  }

  #append(chunk: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
  }
}
