import { readFile, writeFile } from "node:fs/promises";
import { segmentsOf } from "@aegis/canonical/pointer";
import { parseLeaf } from "@aegis/tlog/leaf";
import { checkProofFile } from "@aegis/tlog/proof-file";
import { formatProof, type Receipt, receiptFormat, type VerifiedReceipt, verifyReceipt } from "@aegis/tlog/receipt";
import type { Context } from "../context.ts";
import { exit, usage } from "../failure.ts";
import { query } from "./control.ts";
import { auditClient, type LedgerEntry } from "./ledger.ts";
import { pinnedKey } from "./pinned-key.ts";

/** An entry with what belongs to it. */
export interface Shown {
  entry: LedgerEntry;
  related: LedgerEntry[];
  /** How often its agent had asked for the very same call in its session before. */
  sameCallBefore?: number;
  /** What its proof showed on this side; null before a checkpoint covers it. */
  verified: VerifiedReceipt | null;
}

interface Proven extends Omit<Shown, "verified"> {
  leaf: string;
  proof: { index: number; hashes: string[]; checkpoint: string } | null;
}

/** Fetches an entry, and checks its proof under the pinned key; what the service says of the key counts for nothing. */
export async function showEntry(
  context: Context,
  id: string,
  { key: vkey, personal }: { readonly key?: string | undefined; readonly personal?: boolean | undefined },
): Promise<Shown> {
  const tenant = context.tenant();
  const service = await auditClient(context, tenant);
  const proven = await service.json<Proven>(
    `/v1/decisions/${encodeURIComponent(id)}${query({ tenant, personal: personal ? "shown" : undefined })}`,
  );
  const { proof, leaf, entry } = proven;
  if (proof === null) return { ...proven, verified: null };
  const hashes = proof.hashes.map((hash) => Buffer.from(hash, "base64"));
  const receipt = { format: receiptFormat, tenant, id, leaf, proof: formatProof(proof.index, hashes, proof.checkpoint) };
  const verified = verifyReceipt(receipt, await pinnedKey(context, vkey));
  if (verified.ok && verified.entry.leaf_hash !== (entry as { leafHash?: string }).leafHash)
    return { ...proven, verified: { ok: false, why: "the entry that is shown is another than the one that is proven" } };
  // What is shown is what is proven: the event in the leaf, unless it was too large for one.
  const parsed = parseLeaf(Buffer.from(leaf, "base64"));
  const event = parsed?.leaf.detached === undefined ? (parsed?.event as LedgerEntry["event"]) : entry.event;
  return { ...proven, entry: { ...entry, event: event ? withSealed(event, entry.event) : null }, verified };
}

/** The proven event, and in its sealed fields what the service says of them: only whoever has the key can tell. */
function withSealed(proven: NonNullable<LedgerEntry["event"]>, told: LedgerEntry["event"]): LedgerEntry["event"] {
  const copy = structuredClone(proven);
  for (const pointer of proven.data?.sealed?.fields ?? []) {
    const segments = segmentsOf(pointer);
    const last = segments.pop() ?? "";
    const at = (root: unknown) => segments.reduce<unknown>((one, name) => (one as Record<string, unknown> | undefined)?.[name], root);
    const [holder, from] = [at(copy.data), at(told?.data)] as (Record<string, unknown> | undefined)[];
    if (holder !== undefined && from !== undefined && Object.hasOwn(holder, last)) holder[last] = from[last];
  }
  return copy;
}

/** Fetches an entry's receipt and writes it out. */
export async function writeReceipt(context: Context, id: string, out: string | undefined): Promise<void> {
  const tenant = context.tenant();
  const service = await auditClient(context, tenant);
  const receipt = await service.json<Receipt>(`/v1/receipts/${encodeURIComponent(id)}${query({ tenant })}`);
  const text = JSON.stringify(receipt, null, 2);
  if (out === undefined) return context.output.result(receipt, () => text);
  await writeFile(out, `${text}\n`);
  context.output.result({ id, file: out }, () => `the receipt of ${id} is in ${out}`);
}

/** Checks a receipt with nothing but the ledger's public key; gives the exit code. */
export async function checkReceipt(context: Context, file: string, vkey: string | undefined): Promise<number> {
  const key = await pinnedKey(context, vkey);
  const checked = verifyReceipt(await jsonIn(file), key);
  const style = context.output.style.bind(context.output);
  if (!checked.ok) {
    context.output.result(checked, () => `${style("red", "NOT ok")}: ${checked.why}`);
    return exit.verification;
  }
  const { entry, size, signedAt } = checked;
  context.output.result({ ...checked, key: key.name }, () =>
    [
      `${style("green", "ok")}: ${entry.kind} ${entry.id} is entry ${entry.sequence} of ${entry.tenant}'s ledger`,
      `signed by ${key.name} over ${size} entries${signedAt === undefined ? "" : ` at ${signedAt}`}`,
      ...(entry.decision === null ? [] : [`${entry.agent} ${entry.tool}:${entry.action} ${entry.decision} at ${entry.occurred_at}`]),
    ].join("\n"),
  );
  return exit.ok;
}

/** Checks a Merkle proof in a file; gives the exit code. */
export async function checkProof(context: Context, file: string): Promise<number> {
  const checked = checkProofFile(await jsonIn(file));
  if (checked.kind === "unknown") throw usage(`${file} is no proof: ${checked.why}`);
  const { ok, kind, why } = checked;
  const style = context.output.style.bind(context.output);
  context.output.result(checked, () => (ok ? `${style("green", "ok")}: the ${kind} proof holds` : `${style("red", "NOT ok")}: ${why}`));
  return ok ? exit.ok : exit.verification;
}

async function jsonIn(file: string): Promise<unknown> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw usage(`${file} cannot be read (${error.code ?? error.message})`);
  });
  try {
    return JSON.parse(text);
  } catch {
    throw usage(`${file} is not JSON`);
  }
}
