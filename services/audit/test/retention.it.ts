import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectDatabase } from "@aegis/postgres/connect";
import { until } from "@aegis/testkit/until";
import { formatVerifierKey } from "@aegis/tlog/note";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AuditDatabase } from "#outbound/database.ts";
import { ledgerStore } from "#outbound/ledger-store.ts";
import { append } from "#usecases/append.ts";
import type { Signals } from "#usecases/ports.ts";
import { decision, type Sent } from "./events.ts";
import { Fabric, type Running } from "./fabric.ts";

let fabric: Fabric;
let signer: Running;
let audit: Running;

const old = { january: 40, february: 30, globex: 10 };
const young = 20;
const first = decision({ sequence: 1, epoch: "acme" });

const quiet = { appended: () => undefined, counted: () => undefined, alarm: () => undefined } as unknown as Signals;

/** Takes events in as the service does, at another time. */
async function recordedAt(time: string, events: readonly Sent[]): Promise<void> {
  await using db = connectDatabase<AuditDatabase>({ url: fabric.database.url, name: "past", schema: "audit", maxConnections: 1 });
  const { prepare, commit } = append({ ledger: ledgerStore(db), clock: { now: () => new Date(time) }, signals: quiet });
  await commit(prepare(events));
}

const sent = (from: number, count: number, tenant = "acme") =>
  Array.from({ length: count }, (_, at) => decision({ sequence: from + at, tenant, epoch: tenant }));

/** Everything that is there, with those that retention left a hash of. */
const verified = async (days = 1) => {
  const { entries, retired, uncovered, faults } = await fabric.verify(audit, [], days);
  return { entries, retired, uncovered, faults: faults.map(({ tenant, sequence, kind }) => `${tenant}/${sequence} ${kind}`) };
};
const rowsOf = (tenant: string) => fabric.count(tenant);
const monthsOf = () =>
  fabric.superuser(async (db) =>
    (await sql<{ name: string }>`select name from months order by until nulls last`.execute(db)).rows.map(({ name }) => name),
  );

async function post(path: string, body: object, roles: Record<string, ("admin" | "auditor" | "soc")[]>): Promise<Response> {
  const authorization = `Bearer ${await fabric.issuer.token({ user: "lawyer", roles })}`;
  const headers = { authorization, "content-type": "application/json" };
  return fetch(`${audit.url}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
}

const restarted = async (days: number) => {
  await audit.kill();
  audit = await fabric.startAudit(signer, { AEGIS_AUDIT_RETENTION_DAYS: String(days) });
};

beforeAll(async () => {
  fabric = await Fabric.start();
  signer = await fabric.startSigner();
  await fabric.superuser((db) => sql`select add_month('2018-01-01'), add_month('2018-02-01')`.execute(db));
  await recordedAt("2018-01-15T10:00:00.000Z", [first, ...sent(2, old.january - 1), ...sent(1, old.globex, "globex")]);
  await recordedAt("2018-02-10T10:00:00.000Z", sent(41, old.february));
  audit = await fabric.startAudit(signer, { AEGIS_AUDIT_RETENTION_DAYS: "36500" });
  await fabric.publish(sent(71, young));
  await fabric.covered("acme", old.january + old.february + young);
  await fabric.covered("globex", old.globex);
});
afterAll(() => fabric[Symbol.asyncDispose]());

let hold = "";

test("entries beyond retention leave with their month, what is held stays, and every proof still holds", async () => {
  expect(await verified()).toMatchObject({ entries: 100, retired: 0, faults: [] });
  const placed = await post("/v1/holds", { tenant: "globex", reason: "case 12" }, { globex: ["admin"] });
  expect(placed.status).toBe(201);
  hold = ((await placed.json()) as { id: string }).id;
  await until(async () => (await rowsOf("globex")) === old.globex + 1, { what: "the ledger tells of the hold" });
  await restarted(2_555);
  await until(async () => (await rowsOf("acme")) === young + 2, { what: "acme's past is gone, and both months are on record" });
  await fabric.covered("acme", 92);
  expect(await verified()).toEqual({ entries: 103, retired: old.january + old.february, uncovered: 0, faults: [] });
  expect(await rowsOf("globex")).toBe(old.globex + 1);
  expect(await monthsOf()).toContain("entries_2018_01");
  expect(await monthsOf()).not.toContain("entries_2018_02");
  const said = (await (await fabric.get(audit, `/v1/entries?tenant=globex&kind=control`)).json()) as {
    entries: { event: { data: unknown } }[];
  };
  expect(said.entries.map(({ event }) => event.data)).toEqual([{ hold, by: "lawyer", reason: "case 12" }]);
  const state = (await (await fabric.get(audit, "/v1/retention?tenant=acme")).json()) as Record<string, unknown>;
  expect(state).toMatchObject({ days: 2_555, retired: { entries: 70, last: 69 }, holds: [] });
});

test("what the signer saw too lately to be beyond retention is a fault, whatever its row said of its time", async () => {
  expect((await verified(2_555)).faults).toEqual(["acme/0 retired"]);
});

test("an event whose entry is gone is known all the same", async () => {
  await fabric.publish([first, decision({ sequence: 91, epoch: "acme" })]);
  await until(async () => (await rowsOf("acme")) === young + 3, { what: "the new event is there" });
  await fabric.covered("acme", 93);
  expect(await verified()).toMatchObject({ entries: 104, faults: [] });
  expect((await fabric.get(audit, `/v1/decisions/${first.id}?tenant=acme`)).status).toBe(404);
});

test("tiles of hashes are served as before, bundles that hold a gone entry no more", async () => {
  const tile = await fabric.get(audit, "/tlog/acme/tile/0/000.p/90");
  expect((await tile.arrayBuffer()).byteLength).toBe(2_880);
  expect((await fabric.get(audit, "/tlog/acme/tile/entries/000.p/90")).status).toBe(404);
});

test("a log that is taken out after a retirement verifies on its own, as far as the retirement is on record and old enough", async () => {
  const home = await mkdtemp(join(tmpdir(), "aegis-retired-"));
  const at = { http: audit.url, grpc: "127.0.0.1:1" };
  const others = { authz: at, token: at, "policy-compiler": at, approvals: at, budget: at, nats: "", postgres: "", postgresSuperuser: "" };
  await writeFile(join(home, "endpoints.json"), JSON.stringify({ ...others, audit: at, issuer: audit.url, replicas: { authz: [] } }));
  await writeFile(join(home, "keys"), formatVerifierKey(fabric.key));
  const token = await fabric.issuer.token({ user: "auditor", roles: { acme: ["auditor"] } });
  const cli = new URL("../../../apps/cli/src/main.ts", import.meta.url).pathname;
  const aegis = async (...args: string[]) => {
    const env = { PATH: process.env.PATH, HOME: home, AEGIS_OPERATOR_TOKEN: token };
    const node = ["--disable-warning=ExperimentalWarning", cli, "audit", ...args, "--data-dir", home, "--tenant", "acme", "--json"];
    const { promise, resolve } = Promise.withResolvers<object>();
    const child = execFile(process.execPath, node, { env }, (_error, stdout, stderr) =>
      resolve({ status: child.exitCode, stderr, ...(stdout.startsWith("{") && (JSON.parse(stdout) as object)) }),
    );
    return promise;
  };
  const out = join(home, "log");
  expect(await aegis("export", "--format", "tlog", "--out", out)).toMatchObject({ status: 0, stderr: "" });
  const verify = (days: string) => aegis("verify", "--offline", out, "--keys", join(home, "keys"), "--retention-days", days);
  expect(await verify("1")).toMatchObject({ status: 0, ok: true, retired: old.january + old.february, faults: [] });
  expect(await verify("2555")).toMatchObject({ status: 5, faults: [{ sequence: 0, kind: "retired" }] });
  await rm(home, { recursive: true });
});

test("whoever removes entries by hand and leaves their hashes is found: no retirement is on record, or a hold was", async () => {
  const victim = 75;
  await fabric.tamper(`create table public.kept as select * from entries where tenant = 'acme' and sequence = ${victim};
    insert into retired_leaves select tenant, sequence, leaf_hash, producer, epoch, producer_sequence from public.kept;
    delete from entries where tenant = 'acme' and sequence = ${victim}`);
  expect((await verified()).faults).toEqual([`acme/${victim} retired`]);
  await fabric.tamper(`insert into entries select * from public.kept; delete from retired_leaves where sequence = ${victim}`);
  await fabric.tamper("create table public.left as select * from retired_leaves where sequence = 5");
  await fabric.tamper("update retired_leaves set leaf_hash = set_byte(leaf_hash, 0, get_byte(leaf_hash, 0) # 1) where sequence = 5");
  expect((await verified()).faults.join()).toMatch(/acme\/\d+ root/);
  await fabric.tamper(
    "update retired_leaves r set leaf_hash = l.leaf_hash from public.left l where r.tenant = l.tenant and r.sequence = l.sequence",
  );
  await fabric.tamper("delete from retired_leaves where sequence = 5");
  expect((await verified()).faults).toContain("acme/5 missing");
  await fabric.tamper("insert into retired_leaves select * from public.left");
  expect((await verified()).faults).toEqual([]);
});

test("the service's role can remove nothing by itself, nor change how long entries stay", async () => {
  await using db = connectDatabase<AuditDatabase>({ url: fabric.database.url, name: "service", schema: "audit", maxConnections: 1 });
  const [month] = (await monthsOf()).filter((name) => /^entries_20[2-9]/.test(name));
  const attempts = [
    ...[`update ${month} set action = 'x'`, `delete from ${month}`, `truncate ${month}`, `drop table ${month}`, `select 1 from ${month}`],
    ...[`alter table entries detach partition ${month}`, `insert into ${month} select * from entries limit 1`],
    ...["update entries set action = 'x'", "delete from entries", "truncate entries", "update retention set days = 1", "delete from holds"],
    ...["delete from retired_leaves", "delete from entry_keys", `select guard_partition('${month}')`, `select retire_month('${month}')`],
  ];
  for (const attempt of attempts) {
    const tried = db.transaction().execute(async (trx) => {
      await sql`select set_config('aegis.scope', 'service', true)`.execute(trx);
      await sql.raw(attempt).execute(trx);
    });
    await expect(tried, attempt).rejects.toThrow(/permission denied|must be owner|not beyond retention/);
  }
  await expect(sql`select retire_month('entries_2018_01')`.execute(db)).rejects.toThrow(/scope/);
});

test("a released hold keeps nothing, and who released it is on record", async () => {
  expect((await post(`/v1/holds/${hold}/release`, { tenant: "globex", reason: "closed" }, { globex: ["auditor"] })).status).toBe(403);
  expect((await post(`/v1/holds/${hold}/release`, { tenant: "acme", reason: "closed" }, { acme: ["admin"] })).status).toBe(404);
  expect((await post(`/v1/holds/${hold}/release`, { tenant: "globex", reason: "closed" }, { globex: ["admin"] })).status).toBe(204);
  expect((await post(`/v1/holds/${hold}/release`, { tenant: "globex", reason: "again" }, { globex: ["admin"] })).status).toBe(404);
  await restarted(2_555);
  await until(async () => (await rowsOf("globex")) === 3, { what: "held, released and retired are all that is left" });
  await fabric.covered("globex", old.globex + 3);
  expect(await verified()).toMatchObject({ retired: 80, faults: [] });
});

test("a retirement against a hold of all a tenant has is a fault, whoever called for it", async () => {
  await fabric.superuser((db) => sql`select add_month('2018-03-01')`.execute(db));
  await recordedAt("2018-03-10T10:00:00.000Z", sent(1, 5, "initech"));
  await post("/v1/holds", { tenant: "initech", reason: "case 13" }, { initech: ["admin"] });
  await until(async () => (await rowsOf("initech")) === 6, { what: "the ledger tells of the hold" });
  // Who may write to the database may drop the hold.
  await fabric.tamper("delete from holds where tenant = 'initech'");
  await restarted(2_555);
  await until(async () => (await rowsOf("initech")) === 2, { what: "what was held is gone" });
  await fabric.covered("initech", 7);
  expect((await verified()).faults).toEqual(["initech/0 retired"]);
});
