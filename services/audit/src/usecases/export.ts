import { availableWidth, entryBundle, hashTile, type TileAddress, tileWidth } from "@aegis/tlog/tiles";
import type { LedgerRow } from "@aegis/tlog/verify-ledger";
import type { Ports, StoredCheckpoint } from "./ports.ts";

const page = 500;

/** What outsiders verify the ledger with. */
export function exportLedger(ports: Pick<Ports, "entries" | "tree" | "checkpoints" | "archive">) {
  const { entries, tree, checkpoints, archive } = ports;
  return {
    /** Every row of a tenant as the database holds it, in order of the sequence column; only those beyond `from`, when it is given. */
    async *rows(tenant: string, from?: string): AsyncGenerator<LedgerRow> {
      for (let after = from; ; ) {
        const { rows, last } = await entries.rows(tenant, after, page);
        yield* rows;
        if (rows.length < page) return;
        after = last;
      }
    },

    /** Every checkpoint that the database or the archive has, ascending; both notes where the two differ. */
    async checkpoints(tenant: string): Promise<StoredCheckpoint[]> {
      const found = [...(await checkpoints.all(tenant)), ...(await archive.all(tenant))];
      return [...new Map(found.map((each) => [each.note, each])).values()].sort((a, b) => a.size - b.size);
    },

    /** The bytes of a tile or a bundle; undefined when the ledger is not that long, or no longer has an entry of the bundle. */
    async tile(tenant: string, address: TileAddress): Promise<Uint8Array | undefined> {
      const head = await tree.head(tenant);
      if (head === undefined || address.width > availableWidth(address, head.size)) return undefined;
      const { level, index, width } = address;
      if (level !== "entries") return hashTile((await tree.tile(tenant, level, index)).slice(0, width));
      const leaves = await entries.leaves(tenant, index * tileWidth, index * tileWidth + width);
      return leaves.length === width ? entryBundle(leaves) : undefined;
    },
  };
}
