import { isObject } from "#domain/candidate.ts";

/** An entry of the ledger as it leaves for a SIEM. */
export interface ExportRecord {
  readonly tenant: string;
  readonly sequence: number;
  readonly id: string;
  /** "decision", "outcome", "control" or "quarantine". */
  readonly kind: string;
  /** The CloudEvents type. */
  readonly type: string;
  readonly agent: string | null;
  readonly tool: string | null;
  readonly action: string | null;
  readonly decision: string | null;
  readonly policyVersion: string | null;
  /** RFC 3339. */
  readonly occurredAt: string;
  /** RFC 3339. */
  readonly recordedAt: string;
  /** Milliseconds since 1970. */
  readonly occurredMs: number;
  /** Milliseconds since 1970. */
  readonly recordedMs: number;
  /** 64 hex digits. */
  readonly leafHash: string;
  /** 64 hex digits. */
  readonly previousHash: string;
  /** The event, redacted as its producer redacted it; null when it cannot be read. Of a quarantined message the content is left out. */
  readonly event: Fields | null;
}

/** A JSON object of which nothing is promised: rows are exported as they stand. */
export type Fields = Readonly<Record<string, unknown>>;

/** The members of an event's `data`; none where there is no such object. */
export const dataOf = ({ event }: ExportRecord): Fields => fieldsOf(event?.data);

/** The object, or an empty one. */
export const fieldsOf = (value: unknown): Fields => (isObject(value) ? value : {});

/** The text, or undefined for anything else and for an empty one. */
export const textOf = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

/** The whole number, or undefined. */
export const integerOf = (value: unknown): number | undefined => (Number.isSafeInteger(value) ? (value as number) : undefined);

/** The array's objects, or none. */
export const listOf = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value.filter(isObject) : []);

/** The array's texts, or none. */
export const textsOf = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : [];

/** Without the members that are undefined, null, or an empty list or object. */
export function present(fields: Fields): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isEmpty(value)));
}

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || (Array.isArray(value) ? value.length === 0 : isObject(value) && Object.keys(value).length === 0);

/** Trace and span of a W3C traceparent. */
export function traceOf({ event }: ExportRecord): { readonly trace: string; readonly span: string } | undefined {
  const match = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/.exec(String(event?.traceparent ?? ""));
  return match?.[1] && match[2] ? { trace: match[1], span: match[2] } : undefined;
}

/** Where a call goes, taken apart; undefined when it says nothing usable. */
export function destinationOf(data: Fields): { readonly url: URL; readonly text: string; readonly method: string | undefined } | undefined {
  const { url, method } = fieldsOf(data.destination);
  const text = textOf(url);
  return text !== undefined && URL.canParse(text) ? { url: new URL(text), text, method: textOf(method) } : undefined;
}

/** Everything a decision says why, as one line. */
export const reasonsText = (data: Fields): string | undefined =>
  textOf(
    listOf(data.reasons)
      .map(({ code, message }) => `${code}: ${message}`)
      .join("; "),
  );

/** Codes of the reasons, the first one first. */
export const reasonCodesOf = (data: Fields): readonly string[] => listOf(data.reasons).flatMap(({ code }) => textOf(code) ?? []);
