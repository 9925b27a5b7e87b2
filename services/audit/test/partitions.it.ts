import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { decision, registered } from "./events.ts";
import { Fabric, type Running } from "./fabric.ts";

let fabric: Fabric;
let audit: Running;
/** The partition that has all rows, those of the two months after it, and its bounds. */
let [own, next, later, bounds] = ["", "", "", ""];

const rows = 40;

beforeAll(async () => {
  fabric = await Fabric.start();
  const signer = await fabric.startSigner();
  audit = await fabric.startAudit(signer);
  await fabric.publish(Array.from({ length: rows }, (_, at) => decision({ sequence: at + 1 })));
  await fabric.publish([registered("globex"), registered("globex")]);
  await fabric.covered("acme", rows);
  await fabric.covered("globex", 2);
  const found = await fabric.superuser((db) =>
    sql<{ name: string; bounds: string }>`select name, pg_get_expr(relpartbound, oid) as bounds from months join pg_class on relname = name
      where until is not null order by until`.execute(db),
  );
  [own, next, later] = found.rows.map(({ name }) => name) as [string, string, string];
  bounds = found.rows[0]?.bounds ?? "";
});
afterAll(() => fabric[Symbol.asyncDispose]());

const faults = async () =>
  (await fabric.verify(audit)).faults.map(({ tenant, sequence, kind, column }) => [tenant, sequence, kind, column ?? ""].join(" ").trim());

/** Attacks as a superuser, looks, and takes it back. */
async function attacked(attack: string, undo: string, look: () => Promise<void>): Promise<void> {
  await fabric.tamper(attack);
  try {
    await look();
  } finally {
    await fabric.tamper(undo);
  }
  expect(await faults()).toEqual([]);
}

const shifted = (months: number) => `recorded_at ${months > 0 ? "+" : "-"} interval '${Math.abs(months)} month'`;

test("a row moved to another month's partition is found where it was", async () => {
  await attacked(
    `update entries set recorded_at = ${shifted(1)} where tenant = 'acme' and sequence = 7`,
    `update entries set recorded_at = ${shifted(-1)} where tenant = 'acme' and sequence = 7`,
    async () => expect(await faults()).toEqual(["acme 7 column recorded_at"]),
  );
});

test("a partition that is detached is as good as deleted", async () => {
  await attacked(`alter table entries detach partition ${own}`, `alter table entries attach partition ${own} ${bounds}`, async () =>
    expect(await faults()).toEqual(expect.arrayContaining(["acme 0 tail_cut", "globex 0 tail_cut"])),
  );
});

test("a partition whose place a forged copy took is found by every row that differs", async () => {
  await attacked(
    `alter table entries detach partition ${own}; create table forged (like ${own} including all); insert into forged select * from ${own};
      update forged set decision = 'deny' where tenant = 'acme' and sequence = 9;
      delete from forged where tenant = 'globex' and sequence = 1; alter table entries attach partition forged ${bounds}`,
    `alter table entries detach partition forged; drop table forged; alter table entries attach partition ${own} ${bounds}`,
    async () => expect(await faults()).toEqual(expect.arrayContaining(["acme 9 column decision", "globex 1 tail_cut"])),
  );
});

test("a month's rows that are there a second time, in another partition, are found one by one", async () => {
  const columns = `jsonb_populate_record(e, jsonb_build_object('recorded_at', ${shifted(2)}))`;
  await attacked(`insert into entries select (${columns}).* from ${own} e`, `delete from ${later}`, async () => {
    const found = await faults();
    for (let at = 0; at < rows; at++) expect(found).toContain(`acme ${at} repeated`);
  });
});

test("rows forged into the partition that has no month are found", async () => {
  const forged = `'{"sequence": ${rows}, "id": "forged", "recorded_at": "2060-01-01T00:00:00Z", "producer_sequence": null}'`;
  await attacked(
    `insert into entries select (jsonb_populate_record(e, ${forged})).* from ${own} e where tenant = 'acme' and sequence = 3`,
    "delete from entries_other",
    async () => expect(await faults()).toEqual(expect.arrayContaining([`acme ${rows} column sequence`, `acme ${rows} head size`])),
  );
});

test("rows that another partition holds unchanged are the same ledger: nothing of it is lost", async () => {
  await fabric.tamper(`alter table entries detach partition ${own}; insert into entries_other select * from ${own}`);
  expect(await faults()).toEqual([]);
  await fabric.tamper(`delete from entries_other; alter table entries attach partition ${own} ${bounds}`);
  expect(await faults()).toEqual([]);
  expect(next).not.toBe(own);
});
