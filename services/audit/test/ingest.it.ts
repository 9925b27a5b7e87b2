import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { until } from "@aegis/testkit/until";
import { openCheckpoint, tenantKey } from "@aegis/tlog/checkpoint";
import { parseVerifierKey } from "@aegis/tlog/note";
import { verifyInclusion } from "@aegis/tlog/proof";
import { leafHash } from "@aegis/tlog/tree";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decision, registered } from "./events.ts";
import { Fabric, type Running, shuffled } from "./fabric.ts";

let fabric: Fabric;
let signer: Running;
let audit: Running;

beforeAll(async () => {
  fabric = await Fabric.start();
  signer = await fabric.startSigner();
  audit = await fabric.startAudit(signer);
});
afterAll(() => fabric[Symbol.asyncDispose]());

describe("one instance", () => {
  test("a decision and a control event get entries, a checkpoint, a proof and a file", async () => {
    const sent = decision({ tenant: "first", sequence: 1, producer: "authz-9" });
    await fabric.publish([sent, registered("first")]);
    await fabric.covered("first", 2);
    const body = (await (await fabric.get(audit, `/v1/decisions/${sent.id}?tenant=first`)).json()) as {
      entry: { event: unknown; decision: string };
      leaf: string;
      key: string;
      proof: { index: number; size: number; hashes: string[]; checkpoint: string };
    };
    expect(body.entry).toMatchObject({ decision: "allow", event: JSON.parse(sent.bytes.toString()) });
    expect(Buffer.from(body.leaf, "base64").includes(sent.bytes)).toBe(true);
    expect(parseVerifierKey(body.key)).toEqual(tenantKey(fabric.key, "first"));
    const opened = openCheckpoint(body.proof.checkpoint, tenantKey(fabric.key, "first"));
    if (!opened.ok) throw new Error(opened.why);
    const hashes = body.proof.hashes.map((hash) => Buffer.from(hash, "base64"));
    expect(verifyInclusion(body.proof.index, leafHash(Buffer.from(body.leaf, "base64")), hashes, opened.checkpoint)).toBe(true);
    expect(await readdir(join(fabric.directory, "checkpoints", "first"))).toContain("2.note");
    const stored = await fabric.nats.bus.manager.streams.getMessage("LEDGER", { last_by_subj: "aegis.ledger.first.checkpoint" });
    expect(stored?.json()).toMatchObject({ tenant: "first", data: { note: expect.stringContaining("ledger.test/first\n") } });
  });

  test("entries are found by their columns, newest first, page by page, decisions by default", async () => {
    await fabric.publish(Array.from({ length: 12 }, (_, at) => decision({ tenant: "query", sequence: at + 1, producer: "authz-8" })));
    await fabric.covered("query", 12);
    await fabric.publish([registered("query")]);
    await fabric.covered("query", 13);
    const page = async (query: string) =>
      (await (await fabric.get(audit, `/v1/entries?tenant=query${query}`)).json()) as {
        entries: { sequence: number; kind: string }[];
        next?: string;
      };
    const filter = "&limit=7&agent=finance-agent&tool=stripe-payments&decision=allow";
    const first = await page(filter);
    const second = await page(`${filter}&cursor=${first.next}`);
    const found = [...first.entries, ...second.entries];
    expect(found.map((entry) => entry.sequence)).toEqual([11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    expect(new Set(found.map((entry) => entry.kind))).toEqual(new Set(["decision"]));
    expect(second.next).toBeUndefined();
    expect((await page("&kind=all")).entries).toHaveLength(13);
    expect((await page("&tool=other")).entries).toEqual([]);
  });

  test("an operator without a role in the tenant reads nothing of it", async () => {
    for (const path of [
      "/v1/entries?tenant=first",
      "/v1/decisions/x?tenant=first",
      "/v1/ledger/first/rows",
      "/v1/checkpoints/first",
      "/tlog/first/checkpoint",
      "/tlog/first/tile/0/000.p/1",
    ]) {
      expect((await fabric.get(audit, path, { query: ["auditor"], first: ["approver"] })).status, path).toBe(403);
      expect((await fetch(`${audit.url}${path}`)).status, path).toBe(401);
    }
    const tenants = (await (await fabric.get(audit, "/v1/tenants", { query: ["soc"] })).json()) as { tenants: { tenant: string }[] };
    expect(tenants.tenants.map((each) => each.tenant)).toEqual(["query"]);
  });

  test("poison gets an entry of its own, with its bytes, and holds nothing up", async () => {
    const good = decision({ tenant: "poison", sequence: 2, producer: "authz-7" });
    const elsewhere = decision({ tenant: "other", sequence: 1, producer: "authz-7" });
    const odd = JSON.parse(good.bytes.toString());
    await fabric.publish([
      { ...good, bytes: Buffer.from("{") },
      { ...good, bytes: Buffer.from([0xff, 0xfe, 0x00]) },
      { ...good, bytes: Buffer.from(JSON.stringify({ ...odd, data: { ...odd.data, decision: "perhaps" } })) },
      { ...elsewhere, subject: good.subject },
      { ...good, subject: "aegis.decision.NOT-A-TENANT.x.allow" },
      { ...good, bytes: Buffer.alloc(900_000, "x") },
      good,
    ]);
    await until(async () => (await fabric.count("poison")) + (await fabric.count("unknown")) === 7, { what: "seven entries" });
    const body = (await (await fabric.get(audit, "/v1/entries?tenant=poison&kind=quarantine")).json()) as {
      entries: { event: { data: { reason: string } }; producer: unknown }[];
    };
    expect(body.entries.map((entry) => entry.event.data.reason).sort()).toEqual([
      "schema",
      "subject_mismatch",
      "unparseable",
      "unparseable",
      "unparseable",
    ]);
    expect(await fabric.count("unknown")).toBe(1);
    const kept = (await (await fabric.get(audit, "/v1/entries?tenant=poison")).json()) as { entries: { id: string }[] };
    expect(kept.entries.map((entry) => entry.id)).toEqual([good.id]);
    await fabric.covered("poison", 6);
    expect((await fabric.verify(audit)).faults).toEqual([]);
  });

  test("one id under two bodies, and one place of a producer under two ids, are kept as alarms", async () => {
    const first = decision({ tenant: "twice", sequence: 1, producer: "authz-6" });
    const forged = { ...first, bytes: Buffer.from(first.bytes.toString().replace('"amount":100', '"amount":999')) };
    const reused = decision({ tenant: "twice", sequence: 1, producer: "authz-6" });
    for (const event of [first, forged, reused, forged, reused, first]) await fabric.publish([event]);
    await fabric.covered("twice", 3);
    const { entries } = (await (await fabric.get(audit, "/v1/entries?tenant=twice&kind=all")).json()) as {
      entries: { type: string; event: { data: { reason?: string; content?: string } } }[];
    };
    expect(
      entries
        .map((entry) => entry.event.data.reason)
        .filter(Boolean)
        .sort(),
    ).toEqual(["same_id_other_body", "sequence_reused"]);
    const kept = entries.map((entry) => Buffer.from(entry.event.data.content ?? "", "base64").toString());
    expect(kept).toEqual(expect.arrayContaining([forged.bytes.toString(), reused.bytes.toString()]));
  });

  test("an event too large for a leaf is kept whole beside it", async () => {
    const large = decision({ tenant: "large", sequence: 1, producer: "authz-5", arguments: { text: "x".repeat(200_000) } });
    await fabric.publish([large]);
    await fabric.covered("large", 1);
    const { entry } = (await (await fabric.get(audit, `/v1/decisions/${large.id}?tenant=large`)).json()) as {
      entry: { event: unknown; tool: string };
    };
    expect(entry).toMatchObject({ tool: "stripe-payments", event: JSON.parse(large.bytes.toString()) });
    expect((await fabric.verify(audit)).faults).toEqual([]);
    await fabric.publish([large]);
    const same = decision({ tenant: "large", sequence: 2, producer: "authz-5" });
    await fabric.publish([same]);
    await fabric.covered("large", 2);
    expect(await fabric.count("large")).toBe(2);
  });

  test("a watermark reaches exactly as far as checkpointed entries without a gap", async () => {
    const heard: number[] = [];
    const missing: string[] = [];
    const subscription = fabric.nats.bus.connection.subscribe("aegis.watermark.authz-4", {
      callback: (_, message) => {
        const word = message.json<{ sequence: number; highest: number; missing: number[][] }>();
        heard.push(word.sequence);
        missing.push(`${word.highest} ${JSON.stringify(word.missing)}`);
      },
    });
    const numbered = (sequence: number) => decision({ tenant: sequence % 2 ? "odd" : "even", sequence, producer: "authz-4" });
    await fabric.publish([1, 2, 3, 5, 6].map(numbered));
    await until(() => heard.at(-1) === 3, { what: "watermark 3" });
    await fabric.covered("even", 2);
    expect(heard.every((sequence) => sequence <= 3)).toBe(true);
    await until(() => missing.at(-1) === "6 [[4,4]]", { what: "the hole is told" });
    await fabric.publish([numbered(4)]);
    await until(() => missing.at(-1) === "6 []", { what: "the hole is filled" });
    await until(() => heard.at(-1) === 6, { what: "watermark 6" });
    const before = heard.length;
    await until(() => heard.length >= before + 2, { what: "the watermark is repeated" });
    subscription.unsubscribe();
  });

  test("rows can neither be changed nor removed by the service's own login", async () => {
    const { default: pg } = await import("pg");
    const client = new pg.Client({ connectionString: fabric.database.url });
    await client.connect();
    await client.query("set search_path = audit; select set_config('aegis.scope', 'service', false)");
    for (const statement of [
      "update entries set tool = 'x'",
      "delete from entries",
      "truncate entries",
      "alter table entries disable trigger all",
      "drop table entries",
    ]) {
      await expect(client.query(statement), statement).rejects.toThrow();
    }
    await client.query("select set_config('aegis.scope', '', false), set_config('aegis.tenant', 'first', false)");
    const { rows } = await client.query("select distinct tenant from entries");
    expect(rows).toEqual([{ tenant: "first" }]);
    await client.end();
  });
});

describe("redelivery", () => {
  test("every event delivered five times, shuffled, to two instances, one of them killed again and again: exactly once, no gap", async () => {
    const events = Array.from({ length: 2_000 }, (_, at) => decision({ tenant: `storm-${at % 3}`, sequence: at + 1, producer: "authz-3" }));
    const deliveries = shuffled(Array.from({ length: 5 }, () => events).flat(), 7);
    let victim = await fabric.startAudit(signer, { AEGIS_AUDIT_BATCH: "100" });
    for (let from = 0; from < deliveries.length; from += 1_000) {
      await fabric.publish(deliveries.slice(from, from + 1_000));
      await victim.kill();
      victim = await fabric.startAudit(signer, { AEGIS_AUDIT_BATCH: "100" });
    }
    for (const [tenant, size] of [
      ["storm-0", 667],
      ["storm-1", 667],
      ["storm-2", 666],
    ] as const)
      await fabric.covered(tenant, size, 60_000);
    await until(async () => (await fabric.nats.bus.manager.consumers.info("DECISIONS", "audit-decisions")).num_ack_pending === 0, {
      timeoutMs: 60_000,
      what: "all acknowledged",
    });
    const ids = await fabric.superuser((db) =>
      db.selectFrom("entries").select(["id", "kind"]).where("tenant", "like", "storm-%").execute(),
    );
    expect(ids.every((row) => row.kind === "decision")).toBe(true);
    expect(ids.map((row) => row.id).sort()).toEqual(events.map((event) => event.id).sort());
    const report = await fabric.verify(audit);
    expect(report.faults).toEqual([]);
    expect(report.uncovered).toBe(0);
  }, 240_000);
});
