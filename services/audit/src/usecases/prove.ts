import { AegisError } from "@aegis/contracts/errors";
import { parseCheckpoint } from "@aegis/tlog/checkpoint";
import { inclusionProof } from "@aegis/tlog/proof";
import { formatProof, type Receipt, receiptFormat } from "@aegis/tlog/receipt";
import { nodesFromTiles } from "@aegis/tlog/tiles";
import type { Ports, StoredEntry } from "./ports.ts";

export interface ProvenEntry {
  readonly entry: StoredEntry;
  /** Undefined until a checkpoint covers the entry. */
  readonly proof:
    | { readonly index: number; readonly size: number; readonly hashes: readonly Uint8Array[]; readonly checkpoint: string }
    | undefined;
}

/** An entry with what shows, to anyone who has the ledger's key, that it is in the ledger. Throws `not_found`. */
export function prove({ entries, tree, checkpoints }: Pick<Ports, "entries" | "tree" | "checkpoints">) {
  return async (tenant: string, id: string): Promise<ProvenEntry> => {
    const [entry] = await entries.find(tenant, { id }, 1);
    if (entry === undefined) throw new AegisError("not_found", `no entry ${id} in ${tenant}`);
    const latest = await checkpoints.latest(tenant);
    const size = latest && parseCheckpoint(latest.note.slice(0, latest.note.lastIndexOf("\n\n") + 1))?.size;
    const index = entry.columns.sequence;
    if (latest === undefined || size === undefined || index >= size) return { entry, proof: undefined };
    const read = nodesFromTiles((level, at) => tree.tile(tenant, level, at));
    return { entry, proof: { index, size, hashes: await inclusionProof(index, size, read), checkpoint: latest.note } };
  };
}

/** An entry's receipt. Throws `not_found`; `unavailable` until a checkpoint covers the entry. */
export function receiptOf(ports: Pick<Ports, "entries" | "tree" | "checkpoints">) {
  const proven = prove(ports);
  return async (tenant: string, id: string): Promise<Receipt> => {
    const { entry, proof } = await proven(tenant, id);
    if (proof === undefined) throw new AegisError("unavailable", `no checkpoint covers ${id} yet: ask again in a few seconds`);
    const leaf = Buffer.from(entry.leaf).toString("base64");
    return { format: receiptFormat, tenant, id: entry.columns.id, leaf, proof: formatProof(proof.index, proof.hashes, proof.checkpoint) };
  };
}
