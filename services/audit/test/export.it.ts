import { afterAll, beforeAll, expect, test } from "vitest";
import { decision, registered, type Sent } from "./events.ts";
import { Fabric, type Running } from "./fabric.ts";

let fabric: Fabric;
let audit: Running;
const count = 1_203;
const sent: Sent[] = [];

beforeAll(async () => {
  fabric = await Fabric.start();
  audit = await fabric.startAudit(await fabric.startSigner());
  for (let sequence = 1; sequence <= count; sequence++) {
    const odd: Record<number, Record<string, unknown>> = { 700: { text: "x".repeat(100_000) }, 8: { dryRun: true, text: "a\0b" } };
    const args = odd[sequence] ?? { amount: 100 };
    const one = decision({ tenant: "many", sequence, producer: "authz-5", arguments: args });
    if (sequence === 5) sent.push(changed(one, (text) => JSON.stringify(JSON.parse(text), null, 2)));
    else if (sequence === 6) sent.push(changed(one, (text) => text.replace('"dryRun":false', '"dryRun": true')));
    else sent.push(one);
  }
  await fabric.publish([...sent, registered("many"), decision({ tenant: "others", sequence: 1, producer: "authz-4" })]);
  await fabric.covered("many", count + 1);
});
afterAll(() => fabric[Symbol.asyncDispose]());

const changed = (one: Sent, change: (text: string) => string): Sent => ({ ...one, bytes: Buffer.from(change(one.bytes.toString())) });

const day = Date.UTC(2025, 0, 1);
const at = (milliseconds: number) => new Date(day + milliseconds).toISOString();
const whole = `from=${at(0)}&to=${at(86_400_000)}`;

async function exported(query: string): Promise<{ sequence: number; event: { id: string } }[]> {
  const response = await fabric.get(audit, `/v1/decisions:export?${query}`, { many: ["policy-author"] });
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/x-ndjson"]);
  return (await response.text())
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

test("an export holds every decision of its window once, in the order of the ledger and as it came, whatever its size and its line breaks", async () => {
  const lines = await exported(`tenant=many&${whole}`);
  expect(lines.length).toBe(count);
  expect(lines.map(({ sequence }) => sequence)).toEqual(lines.map(({ sequence }) => sequence).toSorted((a, b) => a - b));
  const byId = new Map(sent.map((one) => [one.id, JSON.parse(one.bytes.toString())]));
  for (const { event } of lines) expect(event).toEqual(byId.get(event.id));
  expect(new Set(lines.map(({ event }) => event.id)).size).toBe(count);
});

test("a window, an agent and a place to go on from narrow it", async () => {
  expect((await exported(`tenant=many&from=${at(10)}&to=${at(20)}`)).map(({ event }) => event.id)).toEqual(
    sent.slice(9, 19).map(({ id }) => id),
  );
  expect(await exported(`tenant=many&${whole}&agent=nobody`)).toEqual([]);
  const all = await exported(`tenant=many&${whole}`);
  expect(await exported(`tenant=many&${whole}&after=${all[1_100]?.sequence}`)).toEqual(all.slice(1_101));
});

test("usage counts calls by who did what and how it was decided, dry runs apart", async () => {
  const response = await fabric.get(audit, `/v1/decisions:usage?tenant=many&${whole}`, { many: ["policy-author"] });
  const call = { agent: "finance-agent", tool: "stripe-payments", action: "create_payment", decision: "allow" };
  expect(await response.json()).toEqual({
    usage: [
      { ...call, dryRun: false, calls: count - 1, first: at(1), last: at(count) },
      { ...call, dryRun: true, calls: 1, first: at(6), last: at(6) },
    ],
  });
});

test("nobody reads another tenant's, nor without a role for it", async () => {
  for (const what of ["export", "usage"]) {
    const path = (tenant: string) => `/v1/decisions:${what}?tenant=${tenant}&${whole}`;
    expect((await fabric.get(audit, path("others"), { many: ["policy-author"] })).status).toBe(403);
    expect((await fabric.get(audit, path("many"), { many: ["approver"] })).status).toBe(403);
    expect((await fetch(`${audit.url}${path("many")}`)).status).toBe(401);
    expect((await fabric.get(audit, `/v1/decisions:${what}?tenant=many&from=yesterday&to=${at(1)}`, { many: ["auditor"] })).status).toBe(
      400,
    );
  }
});
