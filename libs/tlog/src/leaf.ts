import { leafHash } from "./tree.ts";

/** What an entry of the ledger records. */
export const entryKinds = ["decision", "outcome", "control", "quarantine"] as const;
export type EntryKind = (typeof entryKinds)[number];

/**
 * Which columns follow from a leaf. `v1` leaves have none of `session`, `prompt`, `action_digest`, `reasons` and `about`: the rows of a
 * ledger that is older than those columns stay what they were.
 */
export const leafFormats = ["aegis.leaf.v1", "aegis.leaf.v2"] as const;
export type LeafFormat = (typeof leafFormats)[number];

/** The members of a leaf that stand before its event. */
export interface LeafHeader {
  /** Default: the newest. */
  readonly format?: LeafFormat | undefined;
  readonly tenant: string;
  /** Contiguous from 0 within the tenant; also the leaf's index in the tenant's tree. */
  readonly sequence: number;
  /** Hash of the tenant's preceding leaf, 64 hex digits; zeros before the first. */
  readonly previous: string;
  /** When the ledger took it in: RFC 3339, UTC, milliseconds. */
  readonly recordedAt: string;
  readonly kind: EntryKind;
  /** The NATS subject that it came on. */
  readonly subject: string;
  /** Set when the event was too large for a leaf: then `event` is its abridgement, and this names the whole bytes. */
  readonly detached?: { /** "sha256:" and hex. */ readonly digest: string; readonly bytes: number } | undefined;
}

export interface Leaf extends LeafHeader {
  /** The event's bytes exactly as they were received: one JSON object in UTF-8. */
  readonly event: Uint8Array;
}

/** Every column of an entry's row but the leaf itself, under the columns' own names. Each follows from the leaf. */
export interface EntryColumns {
  readonly tenant: string;
  readonly sequence: number;
  readonly id: string;
  readonly kind: string;
  readonly type: string;
  readonly subject: string;
  readonly agent: string | null;
  readonly tool: string | null;
  readonly action: string | null;
  readonly decision: string | null;
  readonly policy_version: string | null;
  readonly session: string | null;
  readonly prompt: string | null;
  readonly action_digest: string | null;
  /** The codes of a decision's reasons, each once, with a space before and after it; null when there are none. */
  readonly reasons: string | null;
  /** The decision or approval that the event is about, when it is another than its own: what an outcome, a vote or an override refers to. */
  readonly about: string | null;
  /** RFC 3339, UTC; more than milliseconds only when a row was tampered with. */
  readonly occurred_at: string;
  readonly recorded_at: string;
  readonly producer: string | null;
  readonly epoch: string | null;
  readonly producer_sequence: number | null;
  /** 64 hex digits. */
  readonly previous_hash: string;
  /** 64 hex digits. */
  readonly leaf_hash: string;
}

/** `previous` of a tenant's first leaf. */
export const noPrevious = "0".repeat(64);

/** The largest leaf, in bytes: it must fit an entry bundle. */
export const maxLeafBytes = 0xffff;

const newest: LeafFormat = "aegis.leaf.v2";
const eventMark = ',"event":';

/**
 * The bytes that are stored, hashed and proven: one JSON object whose header has a fixed order and spelling, and whose last
 * member is the event verbatim. The caller guarantees that `event` is one JSON object.
 */
export function encodeLeaf(leaf: Leaf): Uint8Array {
  return Buffer.concat([Buffer.from(encodeHeader(leaf)), leaf.event, closing]);
}

const closing = Buffer.from("}");

function encodeHeader({ format = newest, tenant, sequence, previous, recordedAt, kind, subject, detached }: LeafHeader): string {
  const whole = detached && { digest: detached.digest, bytes: detached.bytes };
  const header = JSON.stringify({ format, tenant, sequence, previous, recordedAt, kind, subject, detached: whole });
  return header.slice(0, -1) + eventMark;
}

/**
 * Reads a leaf's bytes; undefined unless they are exactly what `encodeLeaf` writes around one JSON object. So two readers
 * cannot see two leaves in the same bytes.
 */
export function parseLeaf(bytes: Uint8Array): { readonly leaf: Leaf; readonly event: Readonly<Record<string, unknown>> } | undefined {
  try {
    const text = decoder.decode(bytes);
    const mark = text.indexOf(eventMark);
    if (mark < 0) return undefined;
    const header: unknown = JSON.parse(`${text.slice(0, mark)}}`);
    const event: unknown = JSON.parse(text.slice(mark + eventMark.length, -1));
    if (!isHeader(header) || !isObject(event) || !text.endsWith("}")) return undefined;
    if (encodeHeader(header) !== text.slice(0, mark + eventMark.length)) return undefined;
    const start = Buffer.byteLength(text.slice(0, mark + eventMark.length));
    return { leaf: { ...header, event: bytes.subarray(start, -1) }, event };
  } catch {
    return undefined;
  }
}

// A byte order mark is not JSON, and undecodable bytes are not text: both must stay visible.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The columns of the row that stores these bytes; undefined when the bytes are no leaf or its event has no id, type or time. */
export function columnsOf(bytes: Uint8Array): EntryColumns | undefined {
  const parsed = parseLeaf(bytes);
  return parsed && columnsFrom(parsed.leaf, parsed.event, Buffer.from(leafHash(bytes)).toString("hex"));
}

/** The same from parts that are already at hand. */
export function columnsFrom(
  header: LeafHeader,
  event: Readonly<Record<string, unknown>>,
  /** Hex. */
  hash: string,
): EntryColumns | undefined {
  const { id, type } = event;
  const occurredAt = milliseconds(event.time);
  if (typeof id !== "string" || typeof type !== "string" || occurredAt === undefined) return undefined;
  const data = object(event.data);
  const producer = object(data.producer);
  return {
    tenant: header.tenant,
    sequence: header.sequence,
    id,
    kind: header.kind,
    type,
    subject: header.subject,
    agent: string(object(data.principal).agent) ?? string(data.agent),
    tool: string(data.tool),
    action: string(data.action),
    decision: string(data.decision),
    policy_version: string(data.policyVersion) ?? string(data.version),
    ...(header.format === "aegis.leaf.v1" ? noReferences : references(id, data)),
    occurred_at: occurredAt,
    recorded_at: header.recordedAt,
    producer: string(producer.id),
    epoch: string(producer.epoch),
    producer_sequence: Number.isSafeInteger(producer.sequence) ? (producer.sequence as number) : null,
    previous_hash: header.previous,
    leaf_hash: hash,
  };
}

const noReferences = { session: null, prompt: null, action_digest: null, reasons: null, about: null };

function references(id: string, data: Readonly<Record<string, unknown>>): { [name in keyof typeof noReferences]: string | null } {
  const context = object(data.context);
  const decision = string(data.decisionId);
  return {
    session: string(context.sessionId),
    prompt: string(context.promptId),
    action_digest: string(data.actionDigest),
    reasons: Array.isArray(data.reasons) ? codes(data.reasons) : null,
    about:
      string(data.approvalId) ??
      string(data.resultOf) ??
      string(data.overrideOf) ??
      string(object(data.approval).id) ??
      (decision === id ? null : decision),
  };
}

const maxCodes = 20;

function codes(reasons: readonly unknown[]): string | null {
  const named = reasons.map((reason) => string(object(reason).code)).filter((code) => code !== null && /^[a-z_]{1,24}$/.test(code));
  return named.length === 0 ? null : ` ${[...new Set(named)].slice(0, maxCodes).join(" ")} `;
}

/** The instant in milliseconds, cut, as the columns hold it; undefined when it is no RFC 3339 time of years 0 to 9999. */
function milliseconds(time: unknown): string | undefined {
  if (typeof time !== "string" || !/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?Z$/.test(time)) return undefined;
  const instant = Date.parse(time);
  return Number.isNaN(instant) ? undefined : new Date(instant).toISOString();
}

function isHeader(value: unknown): value is LeafHeader {
  const { format, tenant, sequence, previous, recordedAt, kind, subject, detached } = object(value);
  const { digest, bytes } = object(detached);
  return (
    leafFormats.some((each) => each === format) &&
    typeof tenant === "string" &&
    Number.isSafeInteger(sequence) &&
    /^[0-9a-f]{64}$/.test(String(previous)) &&
    milliseconds(recordedAt) === recordedAt &&
    entryKinds.some((each) => each === kind) &&
    typeof subject === "string" &&
    (detached === undefined || (typeof digest === "string" && Number.isSafeInteger(bytes)))
  );
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const object = (value: unknown): Readonly<Record<string, unknown>> => (isObject(value) ? value : {});
const string = (value: unknown): string | null => (typeof value === "string" ? value : null);
