import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { AegisError } from "@aegis/contracts/errors";
import type { Logger } from "@aegis/service/logger";
import { digestOf, nextHead, noHead } from "@aegis/tlog/statement";
import { type SpoolFiles, systemFiles } from "./files.ts";
import { lockDirectory } from "./lock.ts";
import { type Damage, SegmentReader, type SpoolRecord } from "./reader.ts";
import { encodeRecord } from "./record.ts";
import { recover } from "./recover.ts";
import type { Segment } from "./segment.ts";
import { SegmentWriter } from "./writer.ts";

/** T1: on the disk (fdatasync) before `append` resolves. T2: with the operating system (write), safe from a crash of this process. */
export type Tier = "T1" | "T2";

/** How full it is: alarm from 50 % of its limit, shed detail from 80 %, refuse from 95 %; dead when the disk failed twice. */
export type SpoolState = "ok" | "alarm" | "shed" | "deny" | "dead";

export interface SpoolOptions {
  readonly directory: string;
  readonly logger: Logger;
  readonly limits: {
    /** All segments together, in bytes. */
    readonly maxBytes: number;
    /** A segment is closed once it is this long; 64 MiB by default. */
    readonly segmentBytes?: number;
  };
  readonly files?: SpoolFiles;
  /** The part of a record's body that the chain vouches for. Default: all of it. */
  readonly chains?: (body: Uint8Array) => Uint8Array;
  /** Called for every stretch of unreadable bytes. */
  readonly onDamage?: (damage: Damage) => void;
}

/**
 * Opens (or makes) the spool in `directory`. What earlier runs left is read again from its start: whoever receives it must know
 * repeats by their epoch and sequence.
 *
 * @throws AegisError `conflict` while another process has it open.
 */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const files = options.files ?? systemFiles;
  await mkdir(options.directory, { recursive: true, mode: 0o700 });
  const report = (damage: Damage, what: string) => {
    options.logger.error({ ...damage }, what);
    options.onDamage?.(damage);
  };
  await using held = new AsyncDisposableStack();
  held.use(await lockDirectory(options.directory));
  const recovered = await recover(options.directory, files, (damage) => report(damage, "spool ended in a torn record: cut off"));
  const epoch = randomBytes(8).toString("hex");
  const writer = new SegmentWriter({
    directory: options.directory,
    epoch,
    files,
    logger: options.logger,
    segmentBytes: options.limits.segmentBytes ?? 64 * 1024 * 1024,
    segments: recovered.segments,
    nextOrdinal: recovered.nextOrdinal,
  });
  await writer.start();
  return new Spool(epoch, writer, files, { ...options, lock: held.move() }, (damage) =>
    report(damage, "spool holds damaged bytes: stepped over"),
  );
}

/** An append-only log of events on the local disk, kept until what was read from it is known to be safe elsewhere. */
export class Spool implements AsyncDisposable {
  /** 16 hex digits, random, new each time the spool is opened. */
  readonly epoch: string;
  readonly #epochBytes: Buffer;
  readonly #writer: SegmentWriter;
  readonly #files: SpoolFiles;
  readonly #maxBytes: number;
  readonly #onDamage: (damage: Damage) => void;
  readonly #lock: AsyncDisposable;
  readonly #chains: (body: Uint8Array) => Uint8Array;
  #sequence = 0;
  #head: Buffer = noHead;

  constructor(
    epoch: string,
    writer: SegmentWriter,
    files: SpoolFiles,
    { limits, chains = (body) => body, lock }: Pick<SpoolOptions, "limits" | "chains"> & { readonly lock: AsyncDisposable },
    onDamage: (damage: Damage) => void,
  ) {
    this.#chains = chains;
    this.#lock = lock;
    this.epoch = epoch;
    this.#epochBytes = Buffer.from(epoch, "hex");
    this.#writer = writer;
    this.#files = files;
    this.#maxBytes = limits.maxBytes;
    this.#onDamage = onDamage;
  }

  /**
   * Appends what `make` returns for the next sequence; `make` runs at once, so sequences follow the order of calls.
   * Resolves when the record is safe at `tier`.
   *
   * @throws AegisError `unavailable` when the spool is full or its disk failed: then no sequence is used.
   */
  async append(make: (sequence: number) => Uint8Array, tier: Tier): Promise<void> {
    const state = this.state();
    if (state === "deny" || state === "dead")
      throw new AegisError("unavailable", `the event spool is ${state === "dead" ? "dead" : "full"}`);
    const body = make(this.#sequence + 1);
    const record = encodeRecord(this.#epochBytes, this.#sequence + 1, body, this.#head);
    this.#head = nextHead(this.#head, digestOf(this.#chains(body)));
    this.#sequence += 1;
    await this.#writer.write(record, this.#sequence, tier === "T1");
  }

  /** The highest sequence of an epoch that is kept here; 0 when nothing of it is. */
  last(epoch: string): number {
    if (epoch === this.epoch) return this.#sequence;
    return this.#writer.segments.reduce((last, segment) => (segment.epoch === epoch ? Math.max(last, segment.last) : last), 0);
  }

  /** Bytes on disk and waiting to get there. */
  bytes(): number {
    return this.#writer.bytes();
  }

  state(): SpoolState {
    if (this.#writer.dead) return "dead";
    const full = this.#writer.bytes() / this.#maxBytes;
    return full >= 0.95 ? "deny" : full >= 0.8 ? "shed" : full >= 0.5 ? "alarm" : "ok";
  }

  /** All records that are kept: starts with what earlier epochs left, then follows this one for ever. */
  reader(): SpoolReader {
    return new SpoolReader(this.#writer, this.#files, this.#onDamage);
  }

  /**
   * What is still kept of `epoch` from `first` to `last`, in chunks. What was released meanwhile, or lies in damaged bytes, is left out.
   */
  async *again(epoch: string, first: number, last: number): AsyncGenerator<SpoolRecord[]> {
    // A segment ends where the next one of its epoch begins, or repeats what it could not sync.
    const segments = this.#writer.segments.filter((one) => one.epoch === epoch && one.first <= last && one.last >= first);
    for (const segment of segments) {
      const reader = new SegmentReader(segment, this.#files, this.#onDamage);
      try {
        for (let records = await reader.read(256); records.length > 0; records = await reader.read(256)) {
          const wanted = records.filter(({ sequence }) => sequence >= first && sequence <= last);
          if (wanted.length > 0) yield wanted;
          if ((records.at(-1) as SpoolRecord).sequence >= last) break;
        }
      } catch (error) {
        if (!segment.released) throw error;
      } finally {
        await reader.close();
      }
    }
  }

  /** Everything of `epoch` up to and including `sequence` is safe elsewhere: whole segments below that go. */
  release(epoch: string, sequence: number): Promise<void> {
    return this.#writer.release(epoch, sequence);
  }

  /** Writes what waits, then closes the file. Later appends are refused. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close().finally(() => this.#lock[Symbol.asyncDispose]());
  }
}

/** Follows a spool across segments and epochs. */
export class SpoolReader implements AsyncDisposable {
  readonly #writer: SegmentWriter;
  readonly #files: SpoolFiles;
  readonly #onDamage: (damage: Damage) => void;
  #current: SegmentReader | undefined;
  /** Last sequence given out of the current epoch: a segment rewritten after a failed sync repeats records. */
  #epoch = "";
  #last = 0;
  #ordinal = 0;

  constructor(writer: SegmentWriter, files: SpoolFiles, onDamage: (damage: Damage) => void) {
    this.#writer = writer;
    this.#files = files;
    this.#onDamage = onDamage;
  }

  /** The next records, at least one and at most `max`; waits for them. Empty once `signal` aborts. */
  async read(max: number, signal?: AbortSignal): Promise<SpoolRecord[]> {
    while (!signal?.aborted) {
      const seen = this.#writer.version;
      const records = await this.#readOn(max);
      if (records.length > 0) return records;
      if (!this.#next()) await this.#writer.changed(seen, signal);
    }
    return [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#current?.close();
  }

  async #readOn(max: number): Promise<SpoolRecord[]> {
    const current = this.#current;
    if (!current || current.segment.released) return [];
    const records = await current.read(max).catch((error: unknown) => {
      // A segment may be released between the look above and the read.
      if (current.segment.released) return [];
      throw error;
    });
    const fresh = records.filter((record) => record.sequence > this.#last);
    this.#last = fresh.at(-1)?.sequence ?? this.#last;
    return fresh.length > 0 || records.length === 0 ? fresh : this.#readOn(max);
  }

  /** Moves to the next segment; false when the current one may still grow, or there is none. */
  #next(): boolean {
    const current = this.#current;
    if (current && !current.segment.released && (!current.segment.closed || current.position < current.segment.bytes)) return false;
    const next = this.#writer.segments.find((segment: Segment) => segment.ordinal > this.#ordinal);
    if (!next) return false;
    void current?.close();
    if (next.epoch !== this.#epoch) this.#last = 0;
    this.#epoch = next.epoch;
    this.#ordinal = next.ordinal;
    this.#current = new SegmentReader(next, this.#files, this.#onDamage);
    return true;
  }
}
