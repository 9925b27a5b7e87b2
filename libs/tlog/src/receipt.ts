import { openCheckpoint, tenantKey } from "./checkpoint.ts";
import { columnsOf, type EntryColumns } from "./leaf.ts";
import type { VerifierKey } from "./note.ts";
import { verifyInclusion } from "./proof.ts";
import { hashBytes, leafHash } from "./tree.ts";

export const receiptFormat = "aegis.receipt.v1";

/**
 * One entry of a ledger with all that shows, to whoever has the ledger's public key and nothing else, that it is in the ledger: its leaf,
 * and a C2SP tlog-proof (`c2sp.org/tlog-proof@v1`): index, audit path and a signed checkpoint.
 */
export interface Receipt {
  readonly format: typeof receiptFormat;
  readonly tenant: string;
  /** The event's id; for a decision, the decision's. */
  readonly id: string;
  /** Base64. */
  readonly leaf: string;
  readonly proof: string;
}

export type VerifiedReceipt =
  | { readonly ok: true; readonly entry: EntryColumns; readonly size: number; readonly signedAt?: string | undefined }
  | { readonly ok: false; readonly why: string };

const proofHeader = "c2sp.org/tlog-proof@v1";

/** The text of a C2SP tlog-proof. */
export function formatProof(index: number, hashes: readonly Uint8Array[], checkpoint: string): string {
  const path = hashes.map((hash) => `${Buffer.from(hash).toString("base64")}\n`).join("");
  return `${proofHeader}\nindex ${index}\n${path}\n${checkpoint}`;
}

/** Checks a receipt under the ledger's pinned key. Nothing but the key is trusted. Never throws, whatever it is given. */
export function verifyReceipt(value: unknown, ledger: VerifierKey): VerifiedReceipt {
  const no = (why: string): VerifiedReceipt => ({ ok: false, why });
  const receipt = value as Partial<Receipt> | null;
  if (receipt?.format !== receiptFormat) return no(`it is no ${receiptFormat}`);
  const { tenant, id, leaf, proof } = receipt;
  if (typeof tenant !== "string" || typeof id !== "string" || typeof leaf !== "string" || typeof proof !== "string") {
    return no("tenant, id, leaf or proof is missing");
  }
  const bytes = Buffer.from(leaf, "base64");
  const entry = bytes.toString("base64") === leaf ? columnsOf(bytes) : undefined;
  if (entry === undefined) return no("the leaf is not an entry of a ledger");
  if (entry.tenant !== tenant || entry.id !== id) return no("the leaf is another entry than the receipt says");
  const parsed = parseProof(proof);
  if (parsed === undefined) return no(`the proof is no ${proofHeader}`);
  const opened = openTenantCheckpoint(parsed.checkpoint, ledger, tenant);
  if (!opened.ok) return no(`the checkpoint is ${opened.why}: it is not signed by ${ledger.name} for ${tenant}`);
  if (entry.sequence !== parsed.index) return no("the proof is for another entry");
  const { checkpoint } = opened;
  if (!verifyInclusion(parsed.index, leafHash(bytes), parsed.hashes, checkpoint)) return no("the proof does not lead to the signed root");
  return { ok: true, entry, size: checkpoint.size, signedAt: checkpoint.time };
}

function openTenantCheckpoint(note: string, ledger: VerifierKey, tenant: string): ReturnType<typeof openCheckpoint> {
  try {
    return openCheckpoint(note, tenantKey(ledger, tenant));
  } catch {
    return { ok: false, why: "malformed" };
  }
}

function parseProof(text: string): { index: number; hashes: Uint8Array[]; checkpoint: string } | undefined {
  const split = text.indexOf("\n\n");
  const [header, at, ...path] = text.slice(0, split).split("\n");
  const index = /^index (0|[1-9]\d{0,15})$/.exec(at ?? "")?.[1];
  if (split < 0 || header !== proofHeader || index === undefined || path.length > 63) return undefined;
  const hashes = path.map((line) => Buffer.from(line, "base64"));
  if (hashes.some((hash, number) => hash.length !== hashBytes || hash.toString("base64") !== path[number])) return undefined;
  return { index: Number(index), hashes, checkpoint: text.slice(split + 2) };
}
