import { openNote, type SignerKey, signNote, type VerifierKey, verifierKey } from "./note.ts";
import type { TreeHead } from "./proof.ts";
import { hashBytes } from "./tree.ts";

/** What a log says of itself at one moment (C2SP tlog-checkpoint). */
export interface Checkpoint extends TreeHead {
  readonly origin: string;
  /** When it was signed, RFC 3339 UTC with milliseconds: the extension line `time <instant>`. */
  readonly time?: string | undefined;
}

export type OpenedCheckpoint =
  | { readonly ok: true; readonly checkpoint: Checkpoint }
  | { readonly ok: false; readonly why: "malformed" | "unsigned" | "forged" | "origin" };

/** Three lines: origin, size, base64 of the root; a fourth when it has a time. */
export function formatCheckpoint({ origin, size, root, time }: Checkpoint): string {
  return `${origin}\n${size}\n${Buffer.from(root).toString("base64")}\n${time === undefined ? "" : `time ${time}\n`}`;
}

/** Reads a checkpoint's text; undefined when it is malformed. Other extension lines are accepted and ignored. */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  const [origin, size, root, ...rest] = text.split("\n");
  if (!origin || size === undefined || !/^(0|[1-9][0-9]{0,15})$/.test(size) || root === undefined) return undefined;
  if (rest.at(-1) !== "" || rest.slice(0, -1).includes("")) return undefined;
  const bytes = Buffer.from(root, "base64");
  if (bytes.length !== hashBytes || bytes.toString("base64") !== root || !Number.isSafeInteger(Number(size))) return undefined;
  const time = rest.map((line) => /^time (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)$/.exec(line)?.[1]).find((each) => each !== undefined);
  return { origin, size: Number(size), root: bytes, ...(time === undefined ? {} : { time }) };
}

/** Signs a checkpoint with the log's own key, whose name is the origin. */
export function signCheckpoint(checkpoint: Checkpoint, privateKey: SignerKey["privateKey"]): string {
  return signNote(formatCheckpoint(checkpoint), { name: checkpoint.origin, privateKey });
}

/** Checks a signed checkpoint under the log's own key; its origin must be the key's name. */
export function openCheckpoint(note: string, key: VerifierKey): OpenedCheckpoint {
  const opened = openNote(note, [key]);
  if (!opened.ok) return opened;
  const checkpoint = parseCheckpoint(opened.text);
  if (checkpoint === undefined) return { ok: false, why: "malformed" };
  return checkpoint.origin === key.name ? { ok: true, checkpoint } : { ok: false, why: "origin" };
}

/**
 * The key of one tenant's log. A ledger has one Ed25519 key and one name, its vkey; every tenant is a log of its own whose
 * origin, and key name, is `<ledger>/<tenant>`, so that no tenant's checkpoint passes for another's.
 */
export function tenantKey(ledger: VerifierKey, tenant: string): VerifierKey {
  return verifierKey(`${ledger.name}/${tenant}`, ledger.publicKey);
}
