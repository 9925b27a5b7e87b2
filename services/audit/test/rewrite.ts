import { columnsOf, encodeLeaf, noPrevious, parseLeaf } from "@aegis/tlog/leaf";
import { tileHeight } from "@aegis/tlog/tiles";
import { Frontier, leafHash } from "@aegis/tlog/tree";
import { sql } from "kysely";
import type { Fabric } from "./fabric.ts";

/**
 * What a thorough DBA does who changes one event: every leaf from there on is chained anew, every column, node and head that follows from
 * leaves is made to fit. Gives the new root. Only a signature is beyond it.
 */
export function recompute(fabric: Fabric, tenant: string, at: number, edit: (event: string) => string): Promise<Uint8Array> {
  return fabric.superuser((db) =>
    db.connection().execute(async (connection) => {
      await sql`set session_replication_role = replica`.execute(connection);
      const { rows } = await sql<{ leaf: Buffer }>`select leaf from entries where tenant = ${tenant} order by sequence`.execute(connection);
      const frontier = Frontier.empty();
      await sql`delete from nodes where tenant = ${tenant}`.execute(connection);
      let previous = noPrevious;
      for (const [sequence, { leaf: stored }] of rows.entries()) {
        const parsed = parseLeaf(stored);
        if (parsed === undefined) throw new Error("no leaf");
        const text = Buffer.from(parsed.leaf.event).toString();
        const leaf = Buffer.from(encodeLeaf({ ...parsed.leaf, previous, event: Buffer.from(sequence === at ? edit(text) : text) }));
        const columns = columnsOf(leaf);
        if (columns === undefined) throw new Error("no columns");
        await sql`update entries set leaf = ${leaf}, leaf_hash = decode(${columns.leaf_hash}, 'hex'),
          previous_hash = decode(${previous}, 'hex'), decision = ${columns.decision}, tool = ${columns.tool}
          where tenant = ${tenant} and sequence = ${sequence}`.execute(connection);
        const nodes: { level: number; index: number; hash: Buffer }[] = [];
        frontier.append(leafHash(leaf), (height, index, hash) => {
          if (height > 0 && height % tileHeight === 0) nodes.push({ level: height / tileHeight, index, hash: Buffer.from(hash) });
        });
        if (nodes.length > 0)
          await connection
            .insertInto("nodes")
            .values(nodes.map((node) => ({ tenant, ...node })))
            .execute();
        previous = columns.leaf_hash;
      }
      await sql`update heads set frontier = ${Buffer.from(frontier.toBytes())}, last_hash = decode(${previous}, 'hex')
        where tenant = ${tenant}`.execute(connection);
      return frontier.root();
    }),
  );
}
