import { randomBytes } from "node:crypto";
import type { OperatorRole } from "@aegis/contracts/operator";
import { sealBytes } from "@aegis/identity/sealed";
import { peerToken } from "@aegis/rpc/peer";
import { v7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { decision } from "./events.ts";
import { Fabric, type Running } from "./fabric.ts";

let fabric: Fabric;
let signer: Running;
/** Two instances on one database; the second asks a second person. */
let audit: Running;
let careful: Running;
let credential: () => Promise<string>;
let sequence = 0;

beforeAll(async () => {
  fabric = await Fabric.start();
  signer = await fabric.startSigner();
  const sealing = { AEGIS_AUDIT_SUBJECT_SEALING_KEY: randomBytes(32).toString("base64url") };
  audit = await fabric.startAudit(signer, sealing);
  careful = await fabric.startAudit(signer, { ...sealing, AEGIS_AUDIT_INSTANCE: "audit-1", AEGIS_AUDIT_SECOND_PERSON: "erase" });
  credential = peerToken({ keyFile: fabric.authzKey, service: "authz", audience: "audit" });
});
afterAll(() => fabric[Symbol.asyncDispose]());

async function keyFor(tenant: string, subject: string, at = audit): Promise<{ key: string; secret: string }> {
  const headers = { authorization: `Bearer ${await credential()}`, "content-type": "application/json" };
  const response = await fetch(`${at.url}/v1/subject-keys`, { method: "POST", headers, body: JSON.stringify({ tenant, subject }) });
  expect(response.status).toBe(200);
  return (await response.json()) as { key: string; secret: string };
}

async function post(at: Running, path: string, body: object | undefined, user = "alice", role: OperatorRole = "admin", tenant = "acme") {
  const token = await fabric.issuer.token({ user, roles: { [tenant]: [role] } });
  const headers = { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }) };
  const response = await fetch(`${at.url}${path}`, { method: "POST", headers, ...(body && { body: JSON.stringify(body) }) });
  const text = await response.text();
  return { status: response.status, body: JSON.parse(text || "{}") as Record<string, unknown> };
}

/** An event about a person, in the ledger. */
async function recorded(tenant: string, subject: string, note: unknown, more: Record<string, unknown> = {}): Promise<string> {
  const { key, secret } = await keyFor(tenant, subject);
  const id = v7();
  const content = await sealBytes(Buffer.from(secret, "base64url"), { kid: key, for: id }, Buffer.from(JSON.stringify([note])));
  const sealed = { key, fields: ["/arguments/note"], content };
  const args = { note: "[REDACTED:personal]", ...more };
  await fabric.publish([decision({ tenant, id, sequence: ++sequence, arguments: args, sealed })]);
  await expect.poll(async () => (await fabric.get(audit, `/v1/decisions/${id}?tenant=${tenant}`)).status, { timeout: 30_000 }).toBe(200);
  return id;
}

async function noteOf(tenant: string, id: string): Promise<unknown> {
  const response = await fabric.get(audit, `/v1/decisions/${id}?tenant=${tenant}&personal=shown`);
  const { entry } = (await response.json()) as { entry: { event: { data: { arguments: { note: unknown } } } } };
  return entry.event.data.arguments.note;
}

const erasing = (subject: string, tenant = "acme") => ({ tenant, subject, reason: "request 17" });

test("a person has one key, however many ask at once and at whichever instance; another tenant's is another, under another name", async () => {
  const keys = await Promise.all(Array.from({ length: 24 }, (_, index) => keyFor("acme", "crowd", index % 2 === 0 ? audit : careful)));
  expect(new Set(keys.map(({ key }) => key)).size).toBe(1);
  expect(new Set(keys.map(({ secret }) => secret)).size).toBe(1);
  const other = await keyFor("umbrella", "crowd");
  expect(other.secret).not.toBe(keys[0]?.secret);
  expect(other.key.split(".")[0]).not.toBe(keys[0]?.key.split(".")[0]);
});

test("of many erasures at once one is done, told once, and what the person's next key seals opens again", async () => {
  const first = await recorded("acme", "wanda", "violet");
  expect(await noteOf("acme", first)).toBe("violet");
  const answers = await Promise.all(Array.from({ length: 6 }, () => post(audit, "/v1/erasures", erasing("wanda"))));
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 404, 404, 404, 404, 404]);
  expect(await noteOf("acme", first)).toBe("[erased]");
  const second = await recorded("acme", "wanda", "copper");
  expect([await noteOf("acme", second), await noteOf("acme", first)]).toEqual(["copper", "[erased]"]);
  const told = await (await fabric.get(audit, "/v1/entries?tenant=acme&kind=control")).json();
  const erased = (told as { entries: { type: string; event: { data: unknown } }[] }).entries.filter(({ type }) =>
    type.endsWith("subject_erased.v1"),
  );
  const pseudonym = (await keyFor("acme", "wanda")).key.split(".")[0];
  expect(erased.map(({ event }) => event.data)).toMatchObject([{ subject: pseudonym, keys: [1], reason: "request 17", by: "alice" }]);
  expect(JSON.stringify(told)).not.toContain("wanda");
  await fabric.covered("acme", await fabric.count("acme"));
  expect((await fabric.verify(audit)).faults).toEqual([]);
});

test("an event too large for a leaf is shown and erased like any other", async () => {
  const id = await recorded("acme", "large", "marzipan", { text: "x".repeat(100_000) });
  expect(await noteOf("acme", id)).toBe("marzipan");
  expect((await post(audit, "/v1/erasures", erasing("large"))).status).toBe(200);
  expect(await noteOf("acme", id)).toBe("[erased]");
});

test("where a second person is asked for nothing is erased before one agrees, who is another, in time, once", async () => {
  const id = await recorded("acme", "hugo", "amber");
  const asked = await post(careful, "/v1/erasures", erasing("hugo"));
  expect(asked).toMatchObject({ status: 202, body: { state: "proposed", keys: 0, by: "alice" } });
  const approve = `/v1/erasures/${asked.body.id}:approve?tenant=acme`;
  expect(await noteOf("acme", id)).toBe("amber");
  expect((await post(careful, approve, undefined, "user:Alice")).status).toBe(403);
  expect((await post(careful, approve, undefined, "bob", "auditor")).status).toBe(403);
  expect((await post(careful, approve.replace("acme", "umbrella"), undefined, "bob", "admin", "umbrella")).status).toBe(404);
  expect(await noteOf("acme", id)).toBe("amber");
  expect(await post(careful, approve, undefined, "bob")).toMatchObject({
    status: 200,
    body: { state: "erased", keys: 1, approver: "bob" },
  });
  expect((await post(careful, approve, undefined, "carol")).status).toBe(409);
  expect(await noteOf("acme", id)).toBe("[erased]");
  const late = await post(careful, "/v1/erasures", erasing("crowd"));
  await fabric.superuser((db) =>
    db
      .updateTable("erasures")
      .set({ expires_at: new Date(0) })
      .where("id", "=", String(late.body.id))
      .execute(),
  );
  expect((await post(careful, `/v1/erasures/${late.body.id}:approve?tenant=acme`, undefined, "bob")).status).toBe(409);
});

test("what a legal hold covers is not erased, whoever agrees, until the hold is released", async () => {
  const id = await recorded("acme", "evident", "evidence");
  const held = await post(audit, "/v1/holds", { tenant: "acme", agent: "finance-agent", reason: "case 12" });
  const refused = { status: 409, body: { detail: expect.stringContaining(`under the legal hold ${held.body.id} (case 12)`) } };
  expect(await post(audit, "/v1/erasures", erasing("evident"))).toMatchObject(refused);
  expect(await post(careful, "/v1/erasures", erasing("evident"))).toMatchObject(refused);
  expect(await noteOf("acme", id)).toBe("evidence");
  expect((await post(audit, `/v1/holds/${held.body.id}/release`, { tenant: "acme", reason: "closed" })).status).toBeLessThan(300);
  await post(audit, "/v1/holds", { tenant: "acme", agent: "another-agent", reason: "case 13" });

  // A hold that is placed while a second person thinks about it counts, too.
  const asked = await post(careful, "/v1/erasures", erasing("evident"));
  const late = await post(audit, "/v1/holds", { tenant: "acme", reason: "case 14" });
  const approve = `/v1/erasures/${asked.body.id}:approve?tenant=acme`;
  expect((await post(careful, approve, undefined, "bob")).status).toBe(409);
  expect(await noteOf("acme", id)).toBe("evidence");
  expect((await post(audit, `/v1/holds/${late.body.id}/release`, { tenant: "acme", reason: "closed" })).status).toBeLessThan(300);
  expect((await post(careful, approve, undefined, "bob")).status).toBe(200);
  expect(await noteOf("acme", id)).toBe("[erased]");
});

test("a restored key is erased again by the pseudonym that the ledger tells", async () => {
  const id = await recorded("acme", "again", "lantern");
  const before = await fabric.superuser((db) => db.selectFrom("subject_keys").selectAll().execute());
  const pseudonym = String((await post(audit, "/v1/erasures", erasing("again"))).body.subject);
  await fabric.superuser(async (db) => {
    const kept = before.find(({ subject }) => subject === pseudonym);
    await db
      .updateTable("subject_keys")
      .set({ sealed: kept?.sealed ?? null, erased_at: null })
      .where("subject", "=", pseudonym)
      .execute();
  });
  expect(await noteOf("acme", id)).toBe("lantern");
  const again = { tenant: "acme", pseudonym, reason: "a backup was restored" };
  expect((await post(audit, "/v1/erasures", again)).status).toBe(200);
  expect(await noteOf("acme", id)).toBe("[erased]");
});

test("another tenant's key opens nothing, whoever names it", async () => {
  const { key, secret } = await keyFor("acme", "stolen");
  const id = v7();
  const content = await sealBytes(Buffer.from(secret, "base64url"), { kid: key, for: id }, Buffer.from('["of acme"]'));
  const sealed = { key, fields: ["/arguments/note"], content };
  await fabric.publish([decision({ tenant: "umbrella", id, sequence: ++sequence, arguments: { note: "" }, sealed })]);
  await expect.poll(async () => (await fabric.get(audit, `/v1/decisions/${id}?tenant=umbrella`)).status, { timeout: 30_000 }).toBe(200);
  expect(await noteOf("umbrella", id)).toBe("[erased]");
});

test("keys are for authz alone, and are handed out by nobody who cannot seal them", async () => {
  const headers = {
    authorization: `Bearer ${await fabric.issuer.token({ user: "root", roles: { "*": ["admin"] } })}`,
    "content-type": "application/json",
  };
  const asked = { method: "POST", headers, body: JSON.stringify({ tenant: "acme", subject: "wanda" }) };
  expect((await fetch(`${audit.url}/v1/subject-keys`, asked)).status).toBe(401);
  await using bare = await fabric.startAudit(signer, { AEGIS_AUDIT_INSTANCE: "audit-2" });
  const ours = { ...asked, headers: { ...headers, authorization: `Bearer ${await credential()}` } };
  expect((await fetch(`${bare.url}/v1/subject-keys`, ours)).status).toBe(503);
  expect((await post(bare, "/v1/erasures", erasing("wanda"))).status).toBe(503);
});
