import { connectDatabase } from "@aegis/postgres/connect";
import { migrate } from "@aegis/postgres/migrate";
import { testDatabase, testLogger } from "@aegis/testkit/fabric";
import { sql } from "kysely";
import { expect, test } from "vitest";
import type { AuditDatabase } from "#outbound/database.ts";
import { exportRows } from "#outbound/export-rows.ts";
import { stores } from "#outbound/stores.ts";
import { append } from "#usecases/append.ts";
import type { Signals } from "#usecases/ports.ts";
import { decision } from "./events.ts";

const quiet = { appended: () => undefined, counted: () => undefined, alarm: () => undefined } as unknown as Signals;
const page = 20;

test("a page costs what it holds, however much lies behind it: sinks, verifiers and exports of decisions", async () => {
  await using database = await testDatabase("audit");
  const directory = new URL("../migrations", import.meta.url).pathname;
  await migrate({ url: database.migrationUrl, directory, schema: "audit", owner: "audit_owner", logger: testLogger() });
  // One connection: what it read is counted once it says so itself.
  await using db = connectDatabase<AuditDatabase>({ url: database.url, name: "test", schema: "audit", maxConnections: 1 });
  const { ledger, entries } = stores(db, "audit-0");
  const { prepare, commit } = append({ ledger, clock: { now: () => new Date() }, signals: quiet });
  for (let first = 1; first <= 3_000; first += 1_000)
    await commit(prepare(Array.from({ length: 1_000 }, (_, at) => decision({ sequence: first + at }))));

  const read = async () => {
    await sql`select pg_stat_force_next_flush()`.execute(db);
    const { rows } = await sql<{ rows: number }>`
      select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint as rows from pg_stat_all_tables where relname like 'entries%'`.execute(
      db,
    );
    return rows[0]?.rows ?? Number.NaN;
  };
  const window = { from: new Date(0), to: new Date("2100-01-01") };
  const pages = {
    sinks: () => exportRows(db).beyond("acme", 1_000, page, {}),
    verifiers: async () => (await entries.rows("acme", "1000", page)).rows,
    decisions: () => entries.decisions("acme", window, 1_000, page),
  };
  for (const [what, one] of Object.entries(pages)) {
    const before = await read();
    expect(await one(), what).toHaveLength(page);
    expect((await read()) - before, what).toBeLessThan(5 * page);
  }
});
