import { sha256 } from "@aegis/canonical/digest";
import { anyCloudEvent } from "@aegis/contracts/cloudevent";
import { namePattern } from "@aegis/contracts/name-patterns";
import { type SubjectRow, subjects } from "@aegis/contracts/subjects";
import { columnsFrom, type EntryKind, noPrevious } from "@aegis/tlog/leaf";
import { abridge } from "./abridge.ts";
import { type Candidate, coordinatesOf, isObject, isStorable, maxEventBytes, type Received } from "./candidate.ts";
import { quarantined } from "./quarantine.ts";

/**
 * Makes a candidate of a message: the event itself when it is one of ours and belongs on its subject, otherwise an alarm that
 * holds it. Never refuses: what reaches the ledger's streams gets an entry.
 */
export function receive(received: Received): Candidate {
  const tenant = tenantOf(received.subject);
  const event = parse(received.bytes);
  if (event === undefined) return quarantined(tenant, received, "unparseable", "not a JSON object in UTF-8");
  const row = rowOf(received.subject);
  const checked = (row?.schema ?? anyCloudEvent).safeParse(event);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    return quarantined(tenant, received, "schema", `${issue?.path.join(".")}: ${issue?.message}`.slice(0, 300), coordinatesOf(event));
  }
  const other = mismatch(row, received.subject, tenant, event);
  if (other !== undefined) return quarantined(tenant, received, "subject_mismatch", other, coordinatesOf(event));
  const kind = kindOf(row);
  const recordedAt = "1970-01-01T00:00:00.000Z";
  const columns = columnsFrom({ tenant, sequence: 0, previous: noPrevious, recordedAt, kind, subject: received.subject }, event, "");
  if (columns === undefined || !Object.values(columns).every((value) => typeof value !== "string" || isStorable(value))) {
    return quarantined(tenant, received, "unstorable", "a member cannot be a column", coordinatesOf(event));
  }
  const candidate: Candidate = {
    tenant,
    kind,
    received,
    id: columns.id,
    event: received.bytes,
    fields: event,
    columns,
    body: sha256(received.bytes),
    payload: undefined,
    coordinates: coordinatesOf(event),
    alarm: undefined,
  };
  return received.bytes.length > maxEventBytes
    ? { ...candidate, ...abridge(event), columns: undefined, payload: received.bytes }
    : candidate;
}

/** The tenant a subject names, `aegis.<noun>.<tenant>.…`; "unknown" when it names none. */
function tenantOf(subject: string): string {
  const tenant = subject.split(".")[2] ?? "";
  return namePattern.test(tenant) ? tenant : "unknown";
}

// A byte order mark is not JSON, and must not be dropped: the leaf keeps every byte.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function parse(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(decoder.decode(bytes));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const rows: readonly (SubjectRow & { readonly tokens: readonly string[] })[] = Object.values(subjects).map((row) => ({
  ...row,
  tokens: row.pattern.split("."),
}));

/** The row of the subject table; undefined for a subject that only a newer version knows, whose envelope alone is checked. */
function rowOf(subject: string) {
  const known = rowsBySubject.get(subject);
  if (known !== undefined) return known;
  const tokens = subject.split(".");
  const row = rows.find(
    ({ tokens: own }) => own.length === tokens.length && own.every((token, at) => token.startsWith("<") || token === tokens[at]),
  );
  if (rowsBySubject.size >= maxSubjects) rowsBySubject.clear();
  if (row !== undefined) rowsBySubject.set(subject, row);
  return row;
}

/** A stream has few subjects, each many times. */
const rowsBySubject = new Map<string, (typeof rows)[number]>();
const maxSubjects = 10_000;

/** What the event says that its subject contradicts. */
function mismatch(
  row: ReturnType<typeof rowOf>,
  subject: string,
  tenant: string,
  event: Readonly<Record<string, unknown>>,
): string | undefined {
  const data = isObject(event.data) ? event.data : {};
  const principal = isObject(data.principal) ? data.principal : {};
  if (event.tenant !== tenant || (principal.tenant ?? tenant) !== tenant) return "the event is of another tenant than its subject";
  const said: Readonly<Record<string, unknown>> = { agent: principal.agent, decision: data.decision, outcome: data.outcome };
  const tokens = subject.split(".");
  const at = row?.tokens.findIndex((token, index) => (said[token.slice(1, -1)] ?? tokens[index]) !== tokens[index]) ?? -1;
  if (at >= 0) return `the event says another ${row?.tokens[at]?.slice(1, -1)} than its subject`;
  return row === subjectsRow("decision") && data.decisionId !== event.id ? "the decision has another id than its event" : undefined;
}

const subjectsRow = (name: keyof typeof subjects) => rows.find((row) => row.pattern === subjects[name].pattern);

function kindOf(row: ReturnType<typeof rowOf>): EntryKind {
  if (row === subjectsRow("decision")) return "decision";
  return row === subjectsRow("outcome") ? "outcome" : "control";
}
