import { AegisError } from "@aegis/contracts/errors";
import type { Logger } from "@aegis/service/logger";
import type { SegmentFile, SpoolFiles } from "./files.ts";
import { newSegment, type Segment } from "./segment.ts";

interface Pending {
  readonly record: Buffer;
  readonly sequence: number;
  readonly sync: boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export interface WriterOptions {
  readonly directory: string;
  readonly epoch: string;
  readonly files: SpoolFiles;
  readonly logger: Logger;
  readonly segmentBytes: number;
  /** What earlier epochs left, oldest first. */
  readonly segments: Segment[];
  readonly nextOrdinal: number;
}

/** Written but unsynced bytes are kept in memory; beyond this much a sync is made even when nobody asked for one. */
const maxUnsyncedBytes = 4 * 1024 * 1024;

/**
 * Writes one epoch's segments with group commit: one write and one sync are in flight, everything that arrives meanwhile joins the next.
 *
 * A file whose write or sync failed is never touched again: the kernel may have dropped its dirty pages and will call the next sync a
 * success. What that file may not hold is written to a new one from memory; when that fails as well, the writer is dead.
 */
export class SegmentWriter {
  readonly segments: Segment[];
  /** Grows with every change a reader may wait for. */
  version = 0;
  dead = false;
  readonly #options: WriterOptions;
  #ordinal: number;
  #file: SegmentFile | undefined;
  #active: Segment;
  #queue: Pending[] = [];
  #queuedBytes = 0;
  /** Records written to the active file since its last sync. */
  #unsynced: Buffer[] = [];
  #unsyncedBytes = 0;
  #syncedSequence = 0;
  #busy: Promise<void> | undefined;
  #closed = false;
  readonly #waiting = new Set<() => void>();

  constructor(options: WriterOptions) {
    this.#options = options;
    this.segments = options.segments;
    this.#ordinal = options.nextOrdinal;
    this.#active = newSegment(options.directory, options.nextOrdinal, options.epoch, 1);
  }

  /** Opens the epoch's first segment. */
  async start(): Promise<void> {
    await this.#open(1);
  }

  write(record: Buffer, sequence: number, sync: boolean): Promise<void> {
    if (this.dead || this.#closed) return Promise.reject(unavailable(undefined));
    return new Promise<void>((resolve, reject) => {
      this.#queue.push({ record, sequence, sync, resolve, reject });
      this.#queuedBytes += record.length;
      this.#run();
    });
  }

  bytes(): number {
    let total = this.#queuedBytes;
    for (const segment of this.segments) total += segment.bytes;
    return total;
  }

  /** Resolves once `version` is past `seen`. */
  async changed(seen: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.version !== seen || signal?.aborted) return;
    await new Promise<void>((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal?.addEventListener("abort", wake, { once: true });
    });
  }

  async release(epoch: string, sequence: number): Promise<void> {
    const active = this.#active;
    const idle = active.epoch === epoch && active.bytes > 0 && active.last <= sequence;
    if (idle && this.#queue.length === 0 && !this.#busy && !this.#closed && !this.dead) {
      await this.#exclusively(() => this.#rotate());
    }
    const gone = this.segments.filter((segment) => segment.closed && segment.epoch === epoch && segment.last <= sequence);
    for (const segment of gone) {
      segment.released = true;
      this.segments.splice(this.segments.indexOf(segment), 1);
    }
    this.#notify();
    for (const segment of gone) await this.#options.files.remove(segment.path);
    if (gone.length > 0) await this.#options.files.syncDirectory(this.#options.directory);
  }

  async close(): Promise<void> {
    this.#closed = true;
    while (this.#busy) await this.#busy;
    if (!this.dead && this.#file) {
      await this.#file.sync().catch((error: unknown) => this.#options.logger.error({ err: error }, "spool could not be synced at its end"));
      await this.#file.close();
    }
    this.#notify();
  }

  #run(): void {
    if (this.#busy || this.#queue.length === 0) return;
    void this.#exclusively(async () => {
      while (this.#queue.length > 0) await this.#commit();
    });
  }

  /** One piece of work at a time touches the active file. */
  #exclusively(work: () => Promise<void>): Promise<void> {
    this.#busy = work()
      .catch((error: unknown) => this.#die(error))
      .finally(() => {
        this.#busy = undefined;
        this.#run();
      });
    return this.#busy;
  }

  async #commit(): Promise<void> {
    const batch = this.#queue;
    const bytes = this.#queuedBytes;
    this.#queue = [];
    const records = batch.map((pending) => pending.record);
    const needsSync = batch.some((pending) => pending.sync) || this.#unsyncedBytes + bytes > maxUnsyncedBytes;
    const last = (batch.at(-1) as Pending).sequence;
    try {
      try {
        await this.#store(records, bytes, last);
        settle(batch, (pending) => !pending.sync);
        if (needsSync) await this.#sync();
      } catch (error) {
        await this.#replace(error, last);
      }
    } catch (error) {
      for (const pending of batch) pending.reject(unavailable(error));
      throw error;
    } finally {
      this.#queuedBytes -= bytes;
    }
    settle(batch, () => true);
    if (this.#active.bytes >= this.#options.segmentBytes) await this.#rotate();
  }

  async #store(records: readonly Buffer[], bytes: number, last: number): Promise<void> {
    // In memory first: should the write fail half-way, all of it goes to the next file.
    this.#unsynced.push(...records);
    this.#unsyncedBytes += bytes;
    const written = records.length === 1 ? (records[0] as Buffer) : Buffer.concat(records, bytes);
    await (this.#file as SegmentFile).write(written);
    this.#active.latest = { offset: this.#active.bytes, bytes: written };
    this.#active.bytes += bytes;
    this.#active.last = last;
    this.#notify();
  }

  async #sync(): Promise<void> {
    await (this.#file as SegmentFile).sync();
    this.#unsynced = [];
    this.#unsyncedBytes = 0;
    this.#syncedSequence = this.#active.last;
  }

  /** Leaves a file that failed and writes what it may not hold to a new one. */
  async #replace(cause: unknown, last: number): Promise<void> {
    this.#options.logger.error({ err: cause, path: this.#active.path }, "spool segment failed: left as it is, going on in a new one");
    const records = this.#unsynced;
    const bytes = this.#unsyncedBytes;
    // What was not synced counts as not in it; should it be there after all, readers know the repeats by their sequence.
    this.#active.last = Math.max(this.#active.first - 1, this.#syncedSequence);
    await this.#file?.close().catch(() => undefined);
    this.#unsynced = [];
    this.#unsyncedBytes = 0;
    await this.#open(this.#syncedSequence + 1);
    await this.#store(records, bytes, last);
    await this.#sync();
  }

  async #rotate(): Promise<void> {
    if (this.#unsyncedBytes > 0) {
      const last = this.#active.last;
      await this.#sync().catch((error: unknown) => this.#replace(error, last));
    }
    await this.#file?.close();
    await this.#open(this.#active.last + 1);
  }

  async #open(first: number): Promise<void> {
    const { directory, epoch, files } = this.#options;
    const segment = newSegment(directory, this.#ordinal, epoch, first);
    this.#ordinal += 1;
    this.#file = await files.create(directory, segment.path);
    this.#active.closed = true;
    this.#active.latest = undefined;
    this.#active = segment;
    this.segments.push(segment);
    this.#notify();
  }

  #die(error: unknown): void {
    this.dead = true;
    this.#options.logger.fatal({ err: error }, "spool is dead: nothing can be recorded any more");
    for (const pending of this.#queue) pending.reject(unavailable(error));
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#notify();
  }

  #notify(): void {
    this.version += 1;
    for (const wake of [...this.#waiting]) wake();
  }
}

function settle(batch: readonly Pending[], which: (pending: Pending) => boolean): void {
  for (const pending of batch) if (which(pending)) pending.resolve();
}

const unavailable = (cause: unknown) => new AegisError("unavailable", "the event spool cannot store events", { cause });
