import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { until } from "@aegis/testkit/until";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { decision, registered } from "./events.ts";
import { Fabric, type Running } from "./fabric.ts";
import { startWitness, type TestWitness } from "./witness.ts";

let fabric: Fabric;
let signer: Running;
let audit: Running;
let witness: TestWitness;

const rows = 12;
/** Enough for two stored nodes. */
const manyRows = 520;

beforeAll(async () => {
  fabric = await Fabric.start();
  signer = await fabric.startSigner();
  witness = await startWitness("witness.test", fabric.key);
  fabric.witnesses.push(witness.key);
  audit = await fabric.startAudit(signer, { AEGIS_AUDIT_WITNESSES: witness.setting, AEGIS_AUDIT_WITNESS_INTERVAL_MS: "100" });
  await fabric.publish(Array.from({ length: rows }, (_, at) => decision({ sequence: at + 1 })));
  await fabric.publish([registered("globex"), registered("globex")]);
  await fabric.covered("acme", rows);
  await fabric.publish(Array.from({ length: manyRows }, () => registered("many")));
  await fabric.covered("globex", 2);
  await fabric.covered("many", manyRows);
  const cosigned = async () =>
    fabric.superuser(
      async (db) => (await sql`select 1 from cosignatures where tenant = 'many' and size = ${manyRows}`.execute(db)).rows.length > 0,
    );
  await until(cosigned, { what: "the witness signed" });
});
afterAll(async () => {
  await fabric[Symbol.asyncDispose]();
  await witness[Symbol.asyncDispose]();
});

const named = async () => (await fabric.verify(audit)).faults.map(({ tenant, sequence, kind, column }) => [tenant, sequence, kind, column]);

/** Keeps what the row was, tampers, looks, and puts it back. */
async function tampered(statement: string, look: () => Promise<void>): Promise<void> {
  await fabric.tamper(`drop table if exists public.kept; create table public.kept as table entries`);
  await fabric.tamper(statement);
  try {
    await look();
  } finally {
    await fabric.tamper("delete from entries");
    await fabric.tamper("insert into entries select * from public.kept");
  }
}

test("the untouched ledger verifies", async () => {
  const report = await fabric.verify(audit);
  expect(report).toMatchObject({ entries: rows + 2 + manyRows, tenants: 3, uncovered: 0, faults: [] });
  expect(report.checkpoints).toBeGreaterThan(1);
});

/** What is changed in a column of this type. A value that changes nothing is passed over. */
const edits: Readonly<Record<string, (column: string) => string[]>> = {
  text: (column) => [`coalesce(${column}, '') || '!'`, "null"],
  bigint: (column) => [`${column} + 100000`, "null"],
  integer: (column) => [`${column} + 7`],
  "timestamp with time zone": (column) => [`${column} + interval '1 microsecond'`, `${column} - interval '3000 years'`],
  bytea: (column) => [`set_byte(${column}, length(${column}) - 1, get_byte(${column}, length(${column}) - 1) # 1)`, "null"],
};

/** The row of each table that is edited, and which entries it stands for. */
const victims: Readonly<Record<string, { readonly tenant: string; readonly row: string; readonly at: readonly number[] }>> = {
  entries: { tenant: "acme", row: "sequence = 5", at: [5] },
  heads: { tenant: "many", row: "true", at: [0, manyRows - 1, manyRows] },
  nodes: { tenant: "many", row: "level = 1 and index = 1", at: [511] },
  cosignatures: { tenant: "many", row: `size = ${manyRows}`, at: [0, manyRows - 1] },
  checkpoints: { tenant: "many", row: `size = ${manyRows}`, at: [manyRows - 1] },
};

/**
 * No evidence: queues, hints that free spools, keys that keep repeats out, what was migrated, where entries go, what holds keep and for
 * how long, what is erased and its keys. Statements and what retention leaves have attacks of their own.
 */
const noEvidence = [
  ...["outbox", "own_events", "producers", "entry_keys", "schema_migrations", "sinks", "sink_rejections", "holds", "retention"],
  ...["statements", "retired_leaves", "erasures", "subject_keys"],
];

async function columnsOf(): Promise<{ table: string; column: string; type: string; nullable: boolean }[]> {
  return fabric.superuser(async (db) => {
    const found = await sql<{ table: string; column: string; type: string; nullable: boolean }>`
      select table_name as table, column_name as column, data_type as type, is_nullable = 'YES' as nullable
      from information_schema.columns join information_schema.tables using (table_schema, table_name)
      where table_schema = 'audit' and table_type = 'BASE TABLE'
        and not (select relispartition from pg_class where oid = to_regclass('audit.' || table_name)) order by 1, ordinal_position`.execute(
      db,
    );
    return found.rows;
  });
}

test("whatever one column of one row is changed to, in any table, is found and names tenant and place", async () => {
  const columns = (await columnsOf()).filter(({ table }) => !noEvidence.includes(table));
  expect([...new Set(columns.map(({ table }) => table))].sort()).toEqual(Object.keys(victims).sort());
  // Who may switch triggers off may drop constraints, too.
  await fabric.tamper("alter table entries drop constraint entries_sequence_check; alter table nodes drop constraint nodes_level_check");
  let tried = 0;
  for (const { table, column, type, nullable } of columns) {
    const victim = victims[table];
    const values = edits[type]?.(column);
    if (victim === undefined || values === undefined) throw new Error(`no edit of ${table}.${column} (${type})`);
    for (const value of values.filter((each) => nullable || each !== "null")) {
      const where = `tenant = '${victim.tenant}' and ${victim.row} and ${column} is distinct from (${value})`;
      await fabric.tamper(`drop table if exists public.kept; create table public.kept as select * from ${table} where ${where}`);
      await fabric.tamper(`drop table if exists public.edited; create table public.edited as select * from ${table} where false`);
      await fabric.tamper(`with changed as (update ${table} set ${column} = ${value} where ${where} returning *)
        insert into public.edited select * from changed`);
      const changed = await fabric.superuser(
        async (db) => (await sql<{ n: number }>`select count(*) as n from public.edited`.execute(db)).rows[0]?.n,
      );
      if (changed !== 1) continue;
      tried++;
      const found = (await fabric.verify(audit)).faults.filter((fault) => fault.tenant === victim.tenant || column === "tenant");
      // What is lost of a witness' is asked for again meanwhile.
      await fabric.tamper(`delete from ${table} t using public.edited e where t = e;
        insert into ${table} select * from public.kept on conflict do nothing`);
      const place = `${table}.${column} = ${value}: ${JSON.stringify(found.slice(0, 3))}`;
      expect(
        found.some(({ sequence, kind }) => victim.at.includes(sequence) || kind === "cosignature"),
        place,
      ).toBe(true);
    }
  }
  expect(await named()).toEqual([]);
  console.log(`${tried} edits of ${columns.length} columns, all found`);
  expect(tried).toBeGreaterThan(columns.length);
}, 600_000);

test("an edit of recorded_at to before the era, and to infinity, is found", async () => {
  for (const value of ["'-infinity'", "(to_char(recorded_at, 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') || ' BC')::timestamptz"]) {
    await tampered(`update entries set recorded_at = ${value} where tenant = 'acme' and sequence = 5`, async () => {
      expect(await named()).toEqual([["acme", 5, "column", "recorded_at"]]);
    });
  }
});

test("a deleted row is missing, a cut tail is cut, and a ledger without rows is cut at its start", async () => {
  await tampered("delete from entries where tenant = 'acme' and sequence = 7", async () =>
    expect((await named())[0]).toEqual(["acme", 7, "missing", undefined]),
  );
  await tampered("delete from entries where tenant = 'acme' and sequence > 8", async () =>
    expect((await named())[0]).toEqual(["acme", 9, "tail_cut", undefined]),
  );
  await tampered("delete from entries where tenant = 'acme'", async () =>
    expect((await named())[0]).toEqual(["acme", 0, "tail_cut", undefined]),
  );
});

test("two rows that changed places are found", async () => {
  const swap = `update entries set sequence = case sequence when 3 then 1004 when 4 then 1003 end where tenant = 'acme' and sequence in (3, 4);
    update entries set sequence = sequence - 1000 where tenant = 'acme' and sequence >= 1000`;
  await tampered(swap, async () => {
    const faults = await named();
    expect(faults).toEqual(
      expect.arrayContaining([
        ["acme", 3, "column", "sequence"],
        ["acme", 4, "column", "sequence"],
      ]),
    );
  });
});

test("a cut tail is found although the checkpoints were deleted with it: the archive has them", async () => {
  await fabric.tamper("create table public.kept_checkpoints as table checkpoints");
  await fabric.tamper("delete from checkpoints where tenant = 'acme'");
  await tampered("delete from entries where tenant = 'acme' and sequence > 8", async () =>
    expect(await named()).toContainEqual(["acme", 9, "tail_cut", undefined]),
  );
  await fabric.tamper("insert into checkpoints select * from public.kept_checkpoints on conflict do nothing");
});

/** The tables beside the rows; each edit with the first fault it must give. `size` is that of a checkpoint. */
const sizes = {
  last: "select max(size) from checkpoints where tenant = 'many'",
  first: "select min(size) from checkpoints where tenant = 'many'",
};
const beside: readonly (readonly [what: string, table: string, statement: string, fault: readonly unknown[]])[] = [
  ["all checkpoints deleted", "checkpoints", "delete from checkpoints where tenant = 'many'", ["first", "checkpoint_missing", undefined]],
  [
    "the last checkpoint deleted",
    "checkpoints",
    `delete from checkpoints where tenant = 'many' and size = (${sizes.last})`,
    ["last", "checkpoint_missing", undefined],
  ],
  [
    "the first checkpoint deleted",
    "checkpoints",
    `delete from checkpoints where tenant = 'many' and size = (${sizes.first})`,
    ["first", "checkpoint_missing", undefined],
  ],
  [
    "a root zeroed",
    "checkpoints",
    `update checkpoints set root = decode(repeat('00', 32), 'hex') where tenant = 'many' and size = (${sizes.first})`,
    ["first", "checkpoint", "root"],
  ],
  [
    "recorded_at shifted",
    "checkpoints",
    `update checkpoints set recorded_at = recorded_at + interval '1 microsecond' where tenant = 'many' and size = (${sizes.first})`,
    ["first", "checkpoint", "recorded_at"],
  ],
  [
    "a checkpoint's size changed",
    "checkpoints",
    `update checkpoints set size = 9007199254740993 where tenant = 'many' and size = (${sizes.last})`,
    ["last", "checkpoint_missing", undefined],
  ],
  [
    "a note changed",
    "checkpoints",
    `update checkpoints set note = note || 'x' where tenant = 'many' and size = (${sizes.first})`,
    ["first", "signature", undefined],
  ],
  [
    "the last hash zeroed",
    "heads",
    "update heads set last_hash = decode(repeat('00', 32), 'hex') where tenant = 'many'",
    [519, "head", "last_hash"],
  ],
  [
    "the frontier changed",
    "heads",
    "update heads set frontier = set_byte(frontier, 3, get_byte(frontier, 3) # 1) where tenant = 'many'",
    [519, "head", "frontier"],
  ],
  ["the size less one", "heads", "update heads set size = size - 1 where tenant = 'many'", [519, "head", "size"]],
  ["the size more one", "heads", "update heads set size = size + 1 where tenant = 'many'", [520, "head", "size"]],
  ["the size negative", "heads", "update heads set size = -1 where tenant = 'many'", [0, "head", "size"]],
  ["the size beyond any", "heads", "update heads set size = 9223372036854775807 where tenant = 'many'", [520, "head", "size"]],
  ["the head deleted", "heads", "delete from heads where tenant = 'many'", [519, "head", undefined]],
  [
    "a node changed",
    "nodes",
    "update nodes set hash = decode(repeat('00', 32), 'hex') where tenant = 'many' and index = 1",
    [511, "node", "hash"],
  ],
  ["a node deleted", "nodes", "delete from nodes where tenant = 'many' and index = 0", [255, "node", undefined]],
  ["all nodes deleted", "nodes", "delete from nodes where tenant = 'many'", [255, "node", undefined]],
  [
    "a node too many",
    "nodes",
    "insert into nodes select tenant, level, 2, hash from nodes where tenant = 'many' and index = 0",
    [767, "node", "index"],
  ],
];

test.each(beside)("%s is found", async (_, table, statement, [at, ...rest]) => {
  const size = async (which: string) =>
    fabric.superuser(async (db) => {
      return (await sql<{ size: number }>`select ${sql.raw(which)}(size) as size from checkpoints where tenant = 'many'`.execute(db))
        .rows[0]?.size;
    });
  const sequence = typeof at === "number" ? at : Number(await size(at === "last" ? "max" : "min")) - 1;
  await fabric.tamper(`drop table if exists public.kept_rows; create table public.kept_rows as table ${table}`);
  await fabric.tamper(statement);
  try {
    expect(await named()).toContainEqual(["many", sequence, ...rest]);
  } finally {
    await fabric.tamper(`delete from ${table}`);
    await fabric.tamper(`insert into ${table} select * from public.kept_rows`);
  }
  expect(await named()).toEqual([]);
});

test("a deleted last checkpoint is not made again behind the verifier's back", async () => {
  await fabric.tamper("drop table if exists public.kept_rows; create table public.kept_rows as table checkpoints");
  await fabric.tamper("delete from checkpoints where tenant = 'globex'");
  const lost = async () =>
    (await (await fetch(`${audit.url}/metrics`)).text()).match(/aegis_ledger_checkpoints_lost_total(\{[^}]*\})? [1-9]/);
  await until(lost, { what: "the service met the loss" });
  expect(await named()).toContainEqual(["globex", 1, "checkpoint_missing", undefined]);
  await fabric.tamper("insert into checkpoints select * from public.kept_rows where tenant = 'globex' on conflict do nothing");
  expect(await named()).toEqual([]);
});

test("a checkpoint whose copy was deleted is found", async () => {
  const folder = join(fabric.directory, "checkpoints", "many");
  const path = join(folder, `${manyRows}.note`);
  const note = await readFile(path);
  await rm(path);
  expect(await named()).toEqual([["many", manyRows - 1, "checkpoint_unarchived", undefined]]);
  await writeFile(path, note);
});

test("entries that arrive meanwhile are no faults", async () => {
  for (let round = 0; round < 6; round += 1) {
    const arriving = fabric.publish(Array.from({ length: 200 }, () => registered("busy")));
    expect(await named()).toEqual([]);
    await arriving;
  }
});

test("a ledger that was shortened and grew again is refused by the signer, and the verifier names it", async () => {
  await fabric.publish([registered("shortened"), registered("shortened"), registered("shortened")]);
  await fabric.covered("shortened", 3);
  await fabric.tamper("delete from entries where tenant = 'shortened'");
  await fabric.tamper("delete from checkpoints where tenant = 'shortened'");
  await fabric.tamper("delete from heads where tenant = 'shortened'");
  await fabric.publish(Array.from({ length: 4 }, () => registered("shortened")));
  await until(
    async () => (await (await fetch(`${audit.url}/metrics`)).text()).match(/aegis_ledger_checkpoint_refusals_total\{[^}]*\} [1-9]/),
    { what: "the signer refused" },
  );
  const report = await fabric.verify(audit);
  expect(report.faults).toContainEqual(expect.objectContaining({ tenant: "shortened", kind: "root" }));
});
