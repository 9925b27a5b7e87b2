import { hash } from "node:crypto";
import { openNote, type SignerKey, signNote, type VerifierKey } from "./note.ts";

/** SHA-256. */
export const digestOf = (bytes: Uint8Array): Buffer => hash("sha256", bytes, "buffer");

/** The head of a producer's chain before its first event. */
export const noHead: Buffer = Buffer.alloc(32);

/** The head after an event: SHA-256(head before ‖ SHA-256(the event's bytes)). */
export const nextHead = (previous: Uint8Array, digest: Uint8Array): Buffer => digestOf(Buffer.concat([previous, digest]));

/** What a producer vouches for: these events, in this order, after that head. */
export interface Statement {
  readonly producer: string;
  readonly epoch: string;
  /** Sequence of the first of `events`; the others follow without a gap. */
  readonly first: number;
  /** Head of the chain before `first`, 32 bytes. */
  readonly previous: Uint8Array;
  readonly events: readonly {
    /** Whose ledger it belongs to: a hint. The event itself says it under the digest. */
    readonly tenant: string;
    /** SHA-256 of the event's bytes as they were published. */
    readonly digest: Uint8Array;
  }[];
}

const format = "aegis.producer.v1";
const mostEvents = 10_000;
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** What the producer's key signs: it binds every digest by the head behind the last. */
function textOf({ producer, epoch, first, previous, events }: Statement): string {
  const head = events.reduce<Uint8Array>((before, { digest }) => nextHead(before, digest), previous);
  const last = first + events.length - 1;
  return `${format}\n${producer}\n${epoch} ${first} ${last}\n${hex(previous)}\n${hex(head)}\n`;
}

/** The message that carries a statement: JSON `{producer, epoch, first, previous, events: [[tenant, digest], …], note}`. The signer's name is the producer's. */
export function signStatement(statement: Statement, signer: SignerKey): string {
  const { producer, epoch, first, previous, events } = statement;
  const listed = events.map(({ tenant, digest }) => [tenant, Buffer.from(digest).toString("base64")]);
  return JSON.stringify({ producer, epoch, first, previous: hex(previous), events: listed, note: signNote(textOf(statement), signer) });
}

export type OpenedStatement =
  | { readonly kind: "signed"; readonly statement: Statement }
  /** `unknown`: signed by no key that is pinned for its producer. `forged`: it says something else than what was signed. */
  | { readonly kind: "unknown" | "forged"; readonly statement: Statement }
  | { readonly kind: "malformed" };

/** Reads a statement's message and checks it under its producer's keys. Never throws. */
export function openStatement(message: string, keys: readonly VerifierKey[]): OpenedStatement {
  const read = parse(message);
  if (read === undefined) return { kind: "malformed" };
  const { statement, note } = read;
  const own = keys.filter(({ name }) => name === statement.producer);
  const opened = openNote(note, own);
  if (!opened.ok) return { kind: opened.why === "unsigned" ? "unknown" : "forged", statement };
  return { kind: opened.text === textOf(statement) ? "signed" : "forged", statement };
}

function parse(message: string): { statement: Statement; note: string } | undefined {
  let said: Record<string, unknown>;
  try {
    said = JSON.parse(message) ?? {};
  } catch {
    return undefined;
  }
  const { producer, epoch, first, previous, events, note } = said;
  if (typeof producer !== "string" || typeof epoch !== "string" || typeof note !== "string" || typeof previous !== "string")
    return undefined;
  if (!/^[\w-]{1,128}$/.test(producer) || !/^[\w-]{1,64}$/.test(epoch) || !/^[0-9a-f]{64}$/.test(previous)) return undefined;
  if (!Number.isSafeInteger(first) || (first as number) < 1) return undefined;
  if (!Array.isArray(events) || events.length === 0 || events.length > mostEvents) return undefined;
  const listed: { tenant: string; digest: Buffer }[] = [];
  for (const event of events) {
    const [tenant, encoded] = Array.isArray(event) ? event : [];
    if (typeof tenant !== "string" || typeof encoded !== "string" || !/^[A-Za-z0-9+/]{43}=$/.test(encoded)) return undefined;
    listed.push({ tenant, digest: Buffer.from(encoded, "base64") });
  }
  return { statement: { producer, epoch, first: first as number, previous: Buffer.from(previous, "hex"), events: listed }, note };
}
