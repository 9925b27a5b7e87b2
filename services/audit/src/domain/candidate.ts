import type { EntryColumns, EntryKind } from "@aegis/tlog/leaf";

/** Which of a producer's events this is. */
export interface Coordinates {
  readonly producer: string;
  readonly epoch: string;
  readonly sequence: number;
}

/** A message as it was received. */
export interface Received {
  readonly subject: string;
  readonly bytes: Uint8Array;
}

/** Why a message has an entry that tells of it instead of being one. */
export type Alarm = "unparseable" | "schema" | "subject_mismatch" | "unstorable" | "same_id_other_body" | "sequence_reused";

/** Something to be appended, before it has a place. */
export interface Candidate {
  readonly tenant: string;
  readonly kind: EntryKind;
  readonly received: Received;
  readonly id: string;
  /** What the leaf will hold: the received bytes, their abridgement, or the alarm about them. */
  readonly event: Uint8Array;
  /** The same, parsed. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Its columns but for its place; those of an alarm follow only then. */
  readonly columns: EntryColumns | undefined;
  /** Digest of the received bytes. */
  readonly body: string;
  /** The received bytes, when the leaf cannot hold them. */
  readonly payload: Uint8Array | undefined;
  readonly coordinates: Coordinates | undefined;
  readonly alarm: Alarm | undefined;
}

/** The largest event that fits a leaf beside its header. */
export const maxEventBytes = 60_000;

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What an event says of its producer; undefined when it says nothing usable. */
export function coordinatesOf(event: unknown): Coordinates | undefined {
  const data = isObject(event) && isObject(event.data) ? event.data : {};
  const { id, epoch, sequence } = isObject(data.producer) ? data.producer : {};
  if (!isStorable(id) || !isStorable(epoch) || !Number.isSafeInteger(sequence) || (sequence as number) < 1) return undefined;
  return { producer: id, epoch, sequence: sequence as number };
}

/** Whether a text can stand in a column and come back the same: PostgreSQL refuses NUL, and UTF-8 has no lone surrogates. */
export function isStorable(value: unknown): value is string {
  return typeof value === "string" && value.length <= 512 && value.isWellFormed() && !value.includes("\u0000");
}
