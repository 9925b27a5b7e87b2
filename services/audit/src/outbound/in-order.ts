import { sql, type Transaction } from "kysely";

/**
 * From here on the transaction reads pages in the order of sequences from an index that has this order. Statistics never know the newest
 * rows of a growing table: by them the planner takes what lies beyond a page's beginning for little, and reads and sorts all of it, for
 * every page.
 */
export async function readInOrder<DB>(trx: Transaction<DB>): Promise<void> {
  await sql`select set_config('enable_sort', 'off', true), set_config('enable_bitmapscan', 'off', true)`.execute(trx);
}
