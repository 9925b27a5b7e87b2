import { gzipSync } from "node:zlib";
import type { OperatorRole } from "@aegis/contracts/operator";
import { callJson } from "@aegis/http/client";
import { connectDatabase } from "@aegis/postgres/connect";
import { inTenant } from "@aegis/postgres/tenant";
import { until } from "@aegis/testkit/until";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type PolicyCompiler, policy, type Surroundings, surroundings } from "./running.ts";

let around: Surroundings;
let compiler: PolicyCompiler;
let other: PolicyCompiler;
let opa: string;

beforeAll(async () => {
  around = await surroundings();
  [compiler, other] = [await around.start("policy-compiler-0"), await around.start("policy-compiler-1")];
  opa = await bearer({ acme: ["enforcement-point"] });
  await publish(1);
});
afterAll(() => around?.[Symbol.asyncDispose]());

const bearer = (roles: Record<string, OperatorRole[]>) => around.operators.token({ user: "opa@acme.test", roles });
const publish = async (max: number, on = compiler) =>
  callJson<{ revision: number }>(`${on.url}/v1/tenants/acme/revisions`, {
    bearer: await bearer({ acme: ["policy-author"] }),
    json: { files: [policy(max)] },
  });

async function send(path: string, body: string | Buffer, options: { gzip?: boolean; token?: string; encoding?: string } = {}) {
  const encoding = options.encoding ?? (options.gzip === true ? "gzip" : undefined);
  const answer = await fetch(`${compiler.url}${path}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: `Bearer ${options.token ?? opa}`,
      ...(encoding === undefined ? {} : { "content-encoding": encoding }),
    },
    body: new Uint8Array(options.gzip === true ? gzipSync(body) : Buffer.from(body)),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

const report = (id: string, bundle: object, labels: object = {}) =>
  JSON.stringify({ labels: { id, version: "1.16.2", ...labels }, bundles: { acme: bundle }, plugins: { bundle: { state: "OK" } } });
const active = (revision: number) => ({ active_revision: String(revision), last_request: "2026-01-01T00:00:00Z", metrics: {} });
const entry = (id: string, change: object = {}) => ({
  labels: { id: "one", version: "1.16.2" },
  decision_id: id,
  bundles: { acme: { revision: "1" } },
  path: "aegis/decision",
  input: {
    principal: { tenant: "acme", agent: "finance-agent" },
    tool: "stripe-payments",
    action: "pay",
    arguments: { iban: "DE-secret" },
  },
  result: { decision: "deny", reasons: [{ code: "parameter_above_max" }] },
  timestamp: "2026-01-01T00:00:00.123456789Z",
  metrics: { timer_server_handler_ns: 1 },
  ...change,
});

interface Status {
  readonly opas: readonly {
    readonly instance: string;
    readonly revision: number | null;
    readonly current: boolean;
    readonly error?: string;
  }[];
  readonly opaDecisions: Readonly<Record<string, number>>;
}
const status = async () =>
  callJson<Status>(`${compiler.url}/v1/tenants/acme/policies:status`, { bearer: await bearer({ acme: ["auditor"] }) });

test("what an OPA says of itself is shown, in place of what it said before; packed or not, by partition or label", async () => {
  expect(await send("/status/acme", report("one", active(1)))).toEqual({ status: 200, body: {} });
  expect(await send("/status", report("two", active(1), { tenant: "acme" }), { gzip: true })).toMatchObject({ status: 200 });
  const failed = { ...active(1), code: "bundle_error", message: "no such\nkey", errors: [{ message: "x".repeat(5_000) }] };
  expect(await send("/status/acme", report("one", failed))).toMatchObject({ status: 200 });
  const { opas } = await status();
  expect(opas.map(({ instance, current }) => [instance, current])).toEqual([
    ["one", true],
    ["two", true],
  ]);
  expect(opas[0]?.error).toMatch(/^no such key; x+$/);
  expect(opas[0]?.error?.length).toBe(1_000);
});

test("decisions are counted once each, without arguments; what is no decision of the tenant holds up none", async () => {
  const chunk = [entry("a"), entry("b", { result: { decision: "allow", reasons: [] } }), entry("a"), entry("c", { path: "x", result: 7 })];
  const foreign = entry("d", { input: { principal: { tenant: "globex", agent: "x" } } });
  const bad = [7, null, {}, entry("e", { timestamp: "now" }), entry("f\0"), { ...entry("g"), labels: 1 }, foreign];
  expect(await send("/logs/acme", JSON.stringify([...chunk, ...bad]), { gzip: true })).toEqual({
    status: 200,
    body: { accepted: 3, repeated: 1, rejected: bad.length },
  });
  expect((await send("/logs/acme", JSON.stringify(chunk))).body).toEqual({ accepted: 0, repeated: 4, rejected: 0 });
  expect((await status()).opaDecisions).toEqual({ allow: 1, deny: 1, other: 1 });
  await using db = connectDatabase({ url: around.database.url, name: "test", schema: "policy_compiler" });
  const { rows } = await inTenant(db, "acme", (trx) => sql`select * from opa_decisions`.execute(trx));
  expect(rows).toHaveLength(3);
  expect(JSON.stringify(rows)).not.toContain("DE-secret");
});

test("a report that is none, is packed to burst, or comes from who may not is refused", async () => {
  const good = report("three", active(1));
  for (const [path, body, options] of [
    ["/status/acme", "{", {}],
    ["/status/acme", "[]", {}],
    ["/status/acme", '{"labels":{"id":7}}', {}],
    ["/status", good, {}],
    ["/status/Acme", good, {}],
    ["/status/acme", good, { encoding: "gzip" }],
    ["/status/acme", good, { encoding: "br" }],
    ["/logs/acme", "{}", {}],
    ["/logs/acme", `[${"1,".repeat(20_000)}1]`, {}],
    ["/logs/acme", Buffer.alloc(64 * 1024 * 1024, 32), { gzip: true }],
    ["/logs", JSON.stringify([entry("z")]), {}],
  ] as const) {
    expect([path, (await send(path, body as string, options)).status]).toEqual([path, 400]);
  }
  expect((await send("/logs/acme", Buffer.alloc(1024 * 1024 + 1, 32))).status).toBe(413);
  for (const path of ["/status/acme", "/logs/acme"]) {
    expect((await send(path, "[]", { token: "x.y.z" })).status).toBe(401);
    for (const roles of [{ acme: ["policy-author"] }, { globex: ["enforcement-point"] }] as Record<string, OperatorRole[]>[]) {
      expect((await send(path, path === "/status/acme" ? good : "[]", { token: await bearer(roles) })).status).toBe(403);
    }
  }
  expect((await status()).opas.map(({ instance }) => instance)).not.toContain("three");
});

test("who waits for a bundle hears of it at once, whichever process published it, and an enforcement point sees nothing else", async () => {
  const url = `${compiler.url}/bundles/acme.tar.gz`;
  const authorization = `Bearer ${opa}`;
  const etag = (await fetch(url, { headers: { authorization } })).headers.get("etag") ?? "";
  const waits = Array.from({ length: 20 }, () => fetch(url, { headers: { authorization, "if-none-match": etag, prefer: "wait=40" } }));
  const { revision } = await publish(2, other);
  for (const answer of await Promise.all(waits)) {
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/vnd.openpolicyagent.bundles"]);
    expect(answer.headers.get("etag")).toMatch(new RegExp(`^"${revision}-`));
  }
  await expect(callJson(`${compiler.url}/v1/tenants/acme/revisions`, { bearer: opa })).rejects.toMatchObject({ code: "permission_denied" });
});

test("too many who wait are told so, instead of holding a connection each, and places come free", async () => {
  const url = `${compiler.url}/bundles/acme.tar.gz`;
  const authorization = `Bearer ${opa}`;
  const etag = (await fetch(url, { headers: { authorization } })).headers.get("etag") ?? "";
  const leave = new AbortController();
  const ask = (signal?: AbortSignal) =>
    fetch(url, { headers: { authorization, "if-none-match": etag, prefer: "wait=40" }, ...(signal === undefined ? {} : { signal }) });
  const waits = Array.from({ length: 230 }, () =>
    ask(leave.signal).then(
      ({ status: code }) => code,
      () => 0,
    ),
  );
  let refused = 0;
  for (const wait of waits) void wait.then((code) => (refused += code === 429 ? 1 : 0));
  await until(() => refused === 30);
  leave.abort();
  const next = ask();
  await publish(3);
  expect((await next).status).toBe(200);
});
