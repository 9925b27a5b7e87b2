import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { consume } from "@aegis/bus/consume";
import { type TestBus, type TestDatabase, type TestPostgres, testBus, testDatabase, testLogger, testPostgres } from "@aegis/testkit/fabric";
import { until } from "@aegis/testkit/until";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectDatabase, type Database } from "../src/connect.ts";
import { firstTime, inboxDdl, pruneInbox } from "../src/inbox.ts";
import { migrate } from "../src/migrate.ts";
import { outbox, outboxDdl, runOutbox } from "../src/outbox.ts";
import { asService, inTenant } from "../src/tenant.ts";

const logger = testLogger();
const notesDdl = `CREATE TABLE notes (tenant text NOT NULL, body text NOT NULL);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE notes FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON notes USING (tenant = nullif(current_setting('aegis.tenant', true), ''));
CREATE POLICY worker ON notes FOR SELECT USING (current_setting('aegis.scope', true) = 'service');
GRANT SELECT, INSERT ON notes TO token;
`;

interface Tables {
  notes: { tenant: string; body: string };
}

describe("state and events that are never told apart", () => {
  const stack = new AsyncDisposableStack();
  let server: TestPostgres;
  let nats: TestBus;
  let database: TestDatabase;
  let directory: string;
  let db: Database<Tables>;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "aegis-migrations-"));
    stack.defer(() => rm(directory, { recursive: true }));
    server = stack.use(await testPostgres());
    nats = stack.use(await testBus());
    database = stack.use(await testDatabase("token", server));
    await writeFile(join(directory, "0001_notes.sql"), notesDdl);
    await writeFile(join(directory, "0002_outbox.sql"), outboxDdl("token") + inboxDdl("token"));
    await Promise.all([run(), run()]);
    db = stack.use(connectDatabase<Tables>({ url: database.url, name: "test", schema: database.schema }));
  });
  afterAll(() => stack.disposeAsync());

  const run = () =>
    migrate({ url: database.migrationUrl, directory, schema: database.schema, owner: database.owner, logger, waitMs: 10_000 });

  test("each migration runs once, however many start at the same time", async () => {
    await Promise.all([run(), run(), run()]);
  });

  test("a migration that was changed after it was applied is refused", async () => {
    await writeFile(join(directory, "0001_notes.sql"), `${notesDdl}-- changed\n`);
    await expect(run()).rejects.toMatchObject({ code: "precondition_failed" });
    await writeFile(join(directory, "0001_notes.sql"), notesDdl);
  });

  test("a migration that fails leaves nothing of itself", async () => {
    const bad = join(directory, "0003_bad.sql");
    await writeFile(bad, "CREATE TABLE half (a int);\nSELECT nonsense;");
    await expect(run()).rejects.toThrow("0003_bad.sql failed");
    await writeFile(bad, "CREATE TABLE half (a int);");
    await run();
  });

  test("one tenant never sees another's rows, and no scope sees none", async () => {
    await inTenant(db, "acme", (trx) => trx.insertInto("notes").values({ tenant: "acme", body: "a" }).execute());
    const write = inTenant(db, "globex", (trx) => trx.insertInto("notes").values({ tenant: "acme", body: "b" }).execute());
    await expect(write).rejects.toThrow("row-level security");
    const read = (tenant: string) => inTenant(db, tenant, (trx) => trx.selectFrom("notes").selectAll().execute());
    expect(await read("acme")).toEqual([{ tenant: "acme", body: "a" }]);
    // On the same connection: a scope ends with its transaction.
    expect(await db.selectFrom("notes").selectAll().execute()).toEqual([]);
    expect(await read("globex")).toEqual([]);
    expect(await asService(db, (trx) => trx.selectFrom("notes").select("body").execute())).toEqual([{ body: "a" }]);
    await expect(read("not a tenant")).rejects.toMatchObject({ code: "invalid_argument" });
  });

  test("BIGINT is a number while it fits one and an error when it does not", async () => {
    const { rows } = await sql<{ n: number }>`select 9007199254740991::bigint as n`.execute(db);
    expect(rows).toEqual([{ n: Number.MAX_SAFE_INTEGER }]);
    await expect(sql`select 9007199254740993::bigint`.execute(db)).rejects.toThrow("does not fit");
  });

  test("an event counts as new once, also when it arrives ten times at once", async () => {
    const id = randomUUID();
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => db.transaction().execute((trx) => firstTime(trx, database.schema, "settle", id))),
    );
    expect(answers.filter(Boolean)).toHaveLength(1);
    expect(await pruneInbox(db, database.schema, 8)).toBe(0);
  });

  test("a server that goes away in the middle is unavailable, in a transaction and outside, and what it refuses is not", async () => {
    const unavailable = { code: "unavailable" };
    const terminate = sql`select pg_terminate_backend(pg_backend_pid())`;
    await expect(terminate.execute(db)).rejects.toMatchObject(unavailable);
    await expect(inTenant(db, "acme", (trx) => terminate.execute(trx))).rejects.toMatchObject(unavailable);
    await expect(sql`select nonsense`.execute(db)).rejects.toMatchObject({ code: "42703" });
    const busy = inTenant(db, "acme", (trx) => sql`select pg_sleep(60)`.execute(trx));
    const running = sql`select from pg_stat_activity where query like 'select pg_sleep%' and pid <> pg_backend_pid()`;
    await Promise.all([
      expect(busy).rejects.toMatchObject(unavailable),
      until(async () => (await running.execute(db)).rows.length > 0).then(() => server.kill()),
    ]);
    await expect(sql`select 1`.execute(db)).rejects.toMatchObject(unavailable);
    await expect(asService(db, async () => 1)).rejects.toMatchObject(unavailable);
    await server.start();
    await until(() => sql`select 1`.execute(db).then(() => true));
  });

  test("a pool whose connections are all taken is unavailable in time", async () => {
    await using small = connectDatabase({ url: database.url, name: "small", schema: database.schema, maxConnections: 1 });
    const holding = Promise.withResolvers<void>();
    const held = asService(small, () => holding.promise);
    await expect(sql`select 1`.execute(small)).rejects.toMatchObject({ code: "unavailable" });
    holding.resolve();
    await held;
  });

  test("what rolls back is never published, what commits is published once in order, through kills of PostgreSQL and NATS", async () => {
    const seen: string[] = [];
    await using _reader = consume(nats.bus, {
      stream: "CONTROL",
      durable: "outbox-test",
      logger,
      onBatch: async (messages) => {
        for (const message of messages) {
          seen.push(message.id ?? "");
          await message.ack();
        }
      },
    });
    const runners = [1, 2].map(() => runOutbox({ db, bus: nats.bus, schema: database.schema, logger }));
    for (const runner of runners) stack.use(runner);
    const add = (id: string) => inTenant(db, "acme", (trx) => outbox(trx).add("aegis.identity.acme.issued", { id }));
    const committed: string[] = [];
    const commit = async (count: number) => {
      for (let i = 0; i < count; i++) {
        const id = randomUUID();
        await until(() => add(id).then(() => true), { timeoutMs: 30_000 });
        committed.push(id);
      }
    };
    const rolledBack = inTenant(db, "acme", async (trx) => {
      await outbox(trx).add("aegis.identity.acme.issued", { id: randomUUID() });
      throw new Error("no");
    });
    await expect(rolledBack).rejects.toThrow("no");
    await commit(20);
    await until(() => seen.length === 20);

    await nats.kill();
    await commit(20);
    await nats.start();
    await until(() => seen.length >= 40, { timeoutMs: 40_000 });

    await commit(5);
    await server.kill();
    await server.start();
    await commit(20);
    await until(() => new Set(seen).size === committed.length, { timeoutMs: 40_000 });
    expect([...new Set(seen)]).toEqual(committed);
    await until(async () => (await sql`select from outbox`.execute(db)).rows.length === 0);
    expect((await nats.bus.manager.streams.info("CONTROL")).state.messages).toBe(committed.length);
  });
});
