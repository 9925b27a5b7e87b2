import type { EntryColumns } from "@aegis/tlog/leaf";
import { type RawBuilder, sql, type Transaction } from "kysely";
import type { NewRow } from "#domain/chain.ts";
import type { AuditDatabase } from "./database.ts";

/** Columns that travel as text or numbers, with their types. */
const types: Readonly<Record<Exclude<keyof EntryColumns, "previous_hash" | "leaf_hash">, string>> = {
  tenant: "text",
  sequence: "bigint",
  id: "text",
  kind: "text",
  type: "text",
  subject: "text",
  agent: "text",
  tool: "text",
  action: "text",
  decision: "text",
  policy_version: "text",
  session: "text",
  prompt: "text",
  action_digest: "text",
  reasons: "text",
  about: "text",
  occurred_at: "timestamptz",
  recorded_at: "timestamptz",
  producer: "text",
  epoch: "text",
  producer_sequence: "bigint",
};
const names = Object.keys(types) as (keyof typeof types)[];
const named = sql.join(names.map((name) => sql.ref(name)));

/**
 * Inserts a batch with one statement: an array for each column, and all bytes as one binary parameter that each row takes its slices
 * from. Arrays of bytea would travel as hexadecimal text, twice the size and slow to quote.
 */
export async function insertRows(trx: Transaction<AuditDatabase>, rows: readonly NewRow[]): Promise<void> {
  const bytes = new Bytes();
  const leaves = rows.map(({ leaf }) => bytes.put(leaf));
  const hashes = rows.map(({ columns }) => bytes.put(Buffer.from(columns.previous_hash + columns.leaf_hash, "hex")));
  const payloads = rows.map(({ payload }) => payload && bytes.put(payload));
  const places = [
    ...[leaves, rows.map(({ leaf }) => leaf.length), hashes],
    ...[payloads.map((at) => at ?? null), rows.map(({ payload }) => payload?.length ?? null)],
  ];
  const arrays: RawBuilder<unknown>[] = [
    ...names.map((name) => sql`${literal(rows.map(({ columns }) => columns[name]))}::${sql.raw(types[name])}[]`),
    ...places.map((numbers) => sql`${literal(numbers)}::int[]`),
  ];
  await sql`
    insert into entries (${named}, previous_hash, leaf_hash, leaf, payload)
    select ${named}, substring(bytes from h for 32), substring(bytes from h + 32 for 32), substring(bytes from f for l),
      substring(bytes from pf for pl)
    from unnest(${sql.join(arrays)}) as r(${named}, f, l, h, pf, pl), (select ${bytes.all()}::bytea as bytes) as b`.execute(trx);
}

/** An array as PostgreSQL spells it. The driver would escape every value anew, and most of a batch's values are the same. */
function literal(values: readonly (string | number | null)[]): string {
  let [last, quoted]: [string | undefined, string] = [undefined, ""];
  const parts = values.map((value) => {
    if (value === null) return "NULL";
    if (typeof value === "number") return value;
    if (value !== last) [last, quoted] = [value, `"${/["\\]/.test(value) ? value.replace(/["\\]/g, "\\$&") : value}"`];
    return quoted;
  });
  return `{${parts.join(",")}}`;
}

/** Pieces one behind the other. */
class Bytes {
  readonly #pieces: Uint8Array[] = [];
  #length = 0;

  /** Where it begins, counted from 1. */
  put(piece: Uint8Array): number {
    const at = this.#length + 1;
    this.#pieces.push(piece);
    this.#length += piece.length;
    return at;
  }

  all(): Buffer {
    return Buffer.concat(this.#pieces);
  }
}
