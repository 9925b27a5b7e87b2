import { createPrivateKey } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { until } from "@aegis/testkit/until";
import { signCheckpoint } from "@aegis/tlog/checkpoint";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { decision, registered } from "./events.ts";
import { Fabric, type Running } from "./fabric.ts";
import { recompute } from "./rewrite.ts";

let fabric: Fabric;
let signer: Running;
let audit: Running;

const rows = 300;

beforeAll(async () => {
  fabric = await Fabric.start();
  signer = await fabric.startSigner();
  audit = await fabric.startAudit(signer);
  await fabric.publish(Array.from({ length: rows }, (_, at) => decision({ sequence: at + 1 })));
  await fabric.covered("acme", rows);
  await fabric.publish([registered("globex"), registered("globex"), registered("globex")]);
  await fabric.covered("globex", 3);
});
afterAll(() => fabric[Symbol.asyncDispose]());

const tables = ["entries", "heads", "nodes", "checkpoints"];
const folder = (tenant: string) => join(fabric.directory, "checkpoints", tenant);
const faults = async (notes: readonly { tenant: string; note: string }[] = []) =>
  (await fabric.verify(audit, notes)).faults.map(({ tenant, sequence, kind }) => `${tenant}/${sequence} ${kind}`);

/** Keeps every table, attacks, looks, and puts all of it back. */
async function attacked(attack: () => Promise<unknown>, look: () => Promise<void>): Promise<void> {
  for (const table of tables)
    await fabric.tamper(`drop table if exists public.kept_${table}; create table public.kept_${table} as table ${table}`);
  await attack();
  try {
    await look();
  } finally {
    for (const table of tables) await fabric.tamper(`delete from ${table}; insert into ${table} select * from public.kept_${table}`);
  }
  expect(await faults()).toEqual([]);
}

test("a row put in between, and one put under another tenant, are found where they are", async () => {
  await attacked(
    () =>
      fabric.tamper(`update entries set sequence = sequence + 100000 where tenant = 'acme' and sequence >= 7;
        update entries set sequence = sequence - 99999 where tenant = 'acme' and sequence >= 100000;
        insert into entries select (jsonb_populate_record(e, '{"sequence": 7, "id": "forged", "producer_sequence": null}')).* from entries e
          where tenant = 'acme' and sequence = 6`),
    async () => expect(await faults()).toContain("acme/7 column"),
  );
  await attacked(
    () =>
      fabric.tamper(`insert into entries select (jsonb_populate_record(e, '{"tenant": "globex", "sequence": 3, "producer_sequence": null}')).*
      from entries e where tenant = 'acme' and sequence = 6`),
    async () => expect(await faults()).toEqual(expect.arrayContaining(["globex/3 column", "globex/3 head"])),
  );
});

test("rows of two tenants that changed places are found in both", async () => {
  await attacked(
    () =>
      fabric.tamper(`update entries set tenant = 'swapped' where tenant = 'acme' and sequence = 1;
      update entries set tenant = 'acme' where tenant = 'globex' and sequence = 1;
      update entries set tenant = 'globex' where tenant = 'swapped'`),
    async () => expect(await faults()).toEqual(expect.arrayContaining(["acme/1 column", "globex/1 column"])),
  );
});

test("a ledger recomputed from a changed event on, consistent in itself, does not give the signed roots", async () => {
  await attacked(
    () => recompute(fabric, "acme", 10, (event) => event.replace('"amount":100', '"amount":1')),
    async () => {
      const found = await faults();
      expect(found[0]).toMatch(/^acme\/\d+ root$/);
      expect(Number(found[0]?.match(/\d+/)?.[0])).toBeGreaterThanOrEqual(10);
    },
  );
});

test("a backup put back over a ledger that went on is found: what was signed since is gone, and the signer signs no other history", async () => {
  for (const table of tables)
    await fabric.tamper(
      `drop table if exists public.backup_${table}; create table public.backup_${table} as select * from ${table} where tenant = 'globex'`,
    );
  await fabric.publish([registered("globex"), registered("globex")]);
  await fabric.covered("globex", 5);
  await attacked(
    async () => {
      for (const table of tables)
        await fabric.tamper(`delete from ${table} where tenant = 'globex'; insert into ${table} select * from public.backup_${table}`);
    },
    async () => {
      expect(await faults()).toEqual(expect.arrayContaining(["globex/3 tail_cut", "globex/4 checkpoint_missing"]));
      await fabric.publish([registered("globex"), registered("globex"), registered("globex")]);
      const refused = async () => (await (await fetch(`${audit.url}/metrics`)).text()).match(/checkpoint_refusals_total\{[^}]*\} [1-9]/);
      await until(refused, { what: "the signer refused the other history" });
      expect(await faults()).toContain("globex/4 root");
    },
  );
});

test("who has the signer's key, the database and the archive can rewrite all; the holder of an older checkpoint finds it", async () => {
  const name = (await readdir(folder("acme"))).find((each) => each === `${rows}.note`) as string;
  const note = await readFile(join(folder("acme"), name), "utf8");
  const archived = new Map<string, string>();
  for (const each of await readdir(folder("acme"))) archived.set(each, await readFile(join(folder("acme"), each), "utf8"));
  const key = createPrivateKey({ key: JSON.parse(await readFile(fabric.signingKey, "utf8")), format: "jwk" });
  await attacked(
    async () => {
      const root = await recompute(fabric, "acme", 10, (event) => event.replace('"amount":100', '"amount":1'));
      const time = new Date().toISOString();
      const forged = signCheckpoint({ origin: "ledger.test/acme", size: rows, root, time }, key);
      await fabric.superuser((db) =>
        db.connection().execute(async (connection) => {
          await sql`set session_replication_role = replica`.execute(connection);
          await sql`delete from checkpoints where tenant = 'acme'`.execute(connection);
          await sql`insert into checkpoints (tenant, size, root, note, recorded_at)
            values ('acme', ${rows}, ${Buffer.from(root)}, ${forged}, ${time})`.execute(connection);
        }),
      );
      await rm(folder("acme"), { recursive: true });
      await mkdir(folder("acme"));
      await writeFile(join(folder("acme"), name), forged);
    },
    async () => {
      // Nothing that is left tells of it …
      expect(await faults()).toEqual([]);
      // … but what somebody took along does.
      expect(await faults([{ tenant: "acme", note }])).toContain(`acme/${rows - 1} split_view`);
      await rm(folder("acme"), { recursive: true });
      await mkdir(folder("acme"));
      for (const [each, text] of archived) await writeFile(join(folder("acme"), each), text);
    },
  );
});
