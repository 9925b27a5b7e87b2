import type { ExportFormat } from "#domain/export/formats.ts";
import type { ExportRecord } from "#domain/export/record.ts";
import type { Rejection, Settled, SinkKind, SinkTarget } from "#domain/sink.ts";
import type { StoredEntry } from "./ports.ts";

/** Which entries are asked for. */
export interface ExportFilter {
  /** None means all. */
  readonly kinds?: readonly string[] | undefined;
  /** Occurred in [from, to). */
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
  readonly agent?: string | undefined;
  readonly tool?: string | undefined;
  readonly decision?: string | undefined;
}

export interface ExportRows {
  /** Entries beyond the sequence, ascending: at most `limit`, and after the first no more than a few megabytes. */
  beyond(tenant: string, after: number, limit: number, filter: ExportFilter): Promise<StoredEntry[]>;
  /** The newest sequence; -1 for a tenant without entries. */
  newest(tenant: string): Promise<number>;
}

/** What an admin says of a sink. */
interface SinkSettings {
  readonly target: SinkTarget;
  readonly format: ExportFormat;
  readonly kinds: readonly string[];
}

export interface Sink extends SinkSettings {
  readonly tenant: string;
  readonly name: string;
  readonly generation: number;
  readonly cursor: number;
  readonly failures: number;
}

/** A sink and how it is doing. */
export interface SinkState extends Sink {
  readonly delivered: number;
  readonly rejected: number;
  readonly failingSince: Date | null;
  readonly lastError: string | null;
  readonly lastSuccessAt: Date | null;
  readonly changedBy: string;
  readonly changedAt: Date;
  /** Entries that it still has to be sent. */
  readonly behind: number;
}

/** How far behind a tenant's sinks of one kind are. */
export interface Backlog {
  readonly tenant: string;
  readonly kind: SinkKind;
  readonly behind: number;
  readonly failing: number;
}

export interface Sinks {
  list(tenant: string): Promise<SinkState[]>;
  find(tenant: string, name: string): Promise<SinkState | undefined>;
  rejections(tenant: string, name: string, limit: number): Promise<(Rejection & { readonly at: Date })[]>;
  /** Makes it, or replaces its settings; it goes on where it was, or starts beyond `start`. False when the tenant has as many as it may. */
  put(tenant: string, name: string, settings: SinkSettings & { readonly start: number; readonly by: string }): Promise<boolean>;
  /** False when there is none. */
  remove(tenant: string, name: string): Promise<boolean>;
  /** Sees to it that every tenant with a ledger has its sink `streamSink`. */
  ensureStreams(): Promise<void>;
  /** Ends the claims of an earlier life of this instance: it is at nothing any more. */
  takeBack(): Promise<void>;
  /** Sinks that have something to send and nobody at it, for this instance alone for the next minute. */
  claim(limit: number): Promise<Sink[]>;
  /** Moves the cursor and keeps the claim for another minute. False when the claim is lost or the settings are others: stop. */
  advance(sink: Sink, cursor: number, settled: { readonly delivered: number; readonly rejected: readonly Rejection[] }): Promise<boolean>;
  /** Notes a failure and gives the claim back for so long. */
  failed(sink: Sink, failure: string, pauseMs: number): Promise<void>;
  /** Gives the claim back. */
  release(sink: Sink): Promise<void>;
  /** Of those furthest behind. */
  backlog(): Promise<Backlog[]>;
}

/** Carries a batch, in order, to where a kind of sink says. What it throws is a failure of all of it. */
export type Carrier = (batch: {
  readonly tenant: string;
  readonly name: string;
  readonly target: SinkTarget;
  readonly format: ExportFormat;
  readonly records: readonly ExportRecord[];
}) => Promise<Settled>;

export interface ExportSignals {
  /** Somebody took entries out. */
  entriesExported(what: { readonly tenant: string; readonly by: string; readonly format: string; readonly after: number }): void;
  streaming(change: 1 | -1): void;
  delivered(kind: SinkKind, entries: number, rejected: number): void;
  /** `failures` in a row. */
  undelivered(
    sink: { readonly tenant: string; readonly sink: string; readonly kind: SinkKind; readonly failures: number },
    why: string,
  ): void;
  sinkChanged(what: { readonly tenant: string; readonly sink: string; readonly by: string; readonly change: "set" | "removed" }): void;
  /** As last counted. */
  backlog(backlog: readonly Backlog[]): void;
  deliveryFailed(error: unknown): void;
}

/** What exports, streams and sinks need. */
export interface ExportPorts {
  readonly rows: ExportRows;
  readonly sinks: Sinks;
  readonly carriers: Readonly<Record<SinkKind, Carrier>>;
  readonly exportSignals: ExportSignals;
}
