import { copyFile, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectDatabase } from "@aegis/postgres/connect";
import { migrate } from "@aegis/postgres/migrate";
import { asService } from "@aegis/postgres/tenant";
import { testDatabase, testLogger } from "@aegis/testkit/fabric";
import { verifyLedger } from "@aegis/tlog/verify-ledger";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { chain } from "#domain/chain.ts";
import { receive } from "#domain/receive.ts";
import type { AuditDatabase } from "#outbound/database.ts";
import { insertRows } from "#outbound/insert-rows.ts";
import { stores } from "#outbound/stores.ts";
import { append } from "#usecases/append.ts";
import type { Signals } from "#usecases/ports.ts";
import { decision } from "./events.ts";

const quiet = { appended: () => undefined, counted: () => undefined, alarm: () => undefined } as unknown as Signals;
const migrations = new URL("../migrations", import.meta.url).pathname;

test("a ledger from before months is their first partition: every row, key and proof is still there, and it goes on", async () => {
  await using database = await testDatabase("audit");
  const before = await mkdtemp(join(tmpdir(), "aegis-migrations-"));
  for (const name of await readdir(migrations)) if (name < "0020") await copyFile(join(migrations, name), join(before, name));
  const to = (directory: string) =>
    migrate({ url: database.migrationUrl, directory, schema: "audit", owner: "audit_owner", logger: testLogger() });
  await to(before);
  await rm(before, { recursive: true });
  await using db = connectDatabase<AuditDatabase>({ url: database.url, name: "test", schema: "audit" });
  const sent = Array.from({ length: 300 }, (_, at) => decision({ sequence: at + 1 }));
  const empty = { tenant: "acme", size: 0, frontier: new Uint8Array(0), last: "0".repeat(64) };
  const { rows, nodes, heads } = chain(sent.map(receive), new Map([["acme", empty]]), new Date().toISOString());
  await asService(db, async (trx) => {
    await insertRows(trx, rows);
    await trx
      .insertInto("nodes")
      .values(nodes.map((node) => ({ ...node, hash: Buffer.from(node.hash) })))
      .execute();
    for (const { size, frontier, last } of heads)
      await sql`insert into heads values ('acme', ${size}, ${Buffer.from(frontier)}, ${Buffer.from(last, "hex")})`.execute(trx);
  });

  await to(migrations);
  await to(migrations);

  const { ledger, entries, months } = stores(db, "audit-0");
  const { prepare, commit } = append({ ledger, clock: { now: () => new Date() }, signals: quiet });
  const again = await commit(prepare([...sent, decision({ sequence: 301 })]));
  expect(again.entries.get("acme")).toBe(1);
  const read = await entries.rows("acme", undefined, 1_000);
  const report = await verifyLedger({ rows: read.rows, states: [await entries.state("acme")], checkpoints: [], keys: [], whole: true });
  expect(report).toMatchObject({ entries: 301, faults: [] });
  expect((await months.state("acme")).months.map(({ name }) => name)).toContain("entries_first");
  expect((await entries.find("acme", { id: sent[5]?.id }, 1))[0]?.columns.sequence).toBe(5);
});
