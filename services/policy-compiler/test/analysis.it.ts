import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { OperatorRole } from "@aegis/contracts/operator";
import { callHttp, callJson } from "@aegis/http/client";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type PolicyCompiler, policy, type Surroundings, surroundings } from "./running.ts";

let around: Surroundings;
let compiler: PolicyCompiler;
let peer: Server;
/** What the ledger and the registry answer. */
let answer: (request: IncomingMessage, response: ServerResponse) => void;
const asked: { url: string; authorization: string | undefined }[] = [];

beforeAll(async () => {
  around = await surroundings();
  peer = createServer((request, response) => {
    asked.push({ url: request.url ?? "", authorization: request.headers.authorization });
    answer(request, response);
  }).listen(0, "127.0.0.1");
  await once(peer, "listening");
  const url = `http://127.0.0.1:${(peer.address() as AddressInfo).port}`;
  compiler = await around.start("policy-compiler-0", { AUDIT_URL: url, TOKEN_URL: url });
});
afterEach(() => {
  asked.length = 0;
});
afterAll(async () => {
  peer?.close();
  await around?.[Symbol.asyncDispose]();
});

const bearer = (role: OperatorRole, tenant = "acme") => around.operators.token({ user: "ann@acme.test", roles: { [tenant]: [role] } });
const path = (what: string) => `${compiler.url}/v1/tenants/acme/${what}`;

const line = (sequence: number, amount: number) => {
  const principal = { org: "acme", tenant: "acme", agent: "finance-agent", subject: "finance-agent", chain: ["finance-agent"], depth: 0 };
  const data = {
    decisionId: `d-${sequence}`,
    decision: "allow",
    reasons: [],
    kind: "check",
    principal,
    tool: "stripe-payments",
    action: "create_payment",
  };
  const event = { time: "2026-11-01T00:00:00.000Z", data: { ...data, arguments: { amount }, redactions: [], context: {}, dryRun: false } };
  return `${JSON.stringify({ sequence, event })}\n`;
};

test("a replay reads the ledger in the name of who asks, however its lines are cut into pieces", async () => {
  const text = Buffer.from([line(0, 5), line(1, 50), line(2, 500)].join(""));
  answer = async (_request, response) => {
    for (let at = 0; at < text.length; at += 101) {
      if (!response.write(text.subarray(at, at + 101))) await once(response, "drain");
      await new Promise(setImmediate);
    }
    response.end();
  };
  const token = await bearer("auditor");
  const report = await callJson<{ transitions: object[] }>(path("policies:replay"), {
    bearer: token,
    json: { files: [policy(100)], days: 7, agent: "finance-agent" },
  });
  expect(report.transitions).toMatchObject([
    { from: "allow", to: "allow", calls: 2 },
    { from: "allow", to: "deny", calls: 1, examples: [{ decisionId: "d-2" }] },
  ]);
  expect(asked).toEqual([
    { url: expect.stringMatching(/^\/v1\/decisions:export\?tenant=acme&from=.*&agent=finance-agent$/), authorization: `Bearer ${token}` },
  ]);
});

test("a client that wants to know is told the progress, and the result in the last line", async () => {
  answer = (_request, response) => response.end(Array.from({ length: 100 }, (_, at) => line(at, at)).join(""));
  const call = {
    bearer: await bearer("policy-author"),
    headers: { accept: "application/x-ndjson" },
    json: { agent: "finance-agent", days: 7 },
  };
  const lines = (await (await callHttp(path("policies:learn"), call)).text())
    .trim()
    .split("\n")
    .map((one) => JSON.parse(one));
  // Of the first part that arrived, which TCP chooses.
  expect(lines[0]).toEqual({ progress: { records: expect.toSatisfy((records: number) => records > 0 && records <= 100) } });
  expect(lines.at(-1)).toMatchObject({ result: { calls: 100, actions: 1, draft: expect.stringContaining("create_payment") } });
});

test.each([
  ["is cut off in a line", (_: IncomingMessage, response: ServerResponse) => response.end(line(0, 1) + line(1, 2).slice(0, 40))],
  ["breaks", (_: IncomingMessage, response: ServerResponse) => response.writeHead(200).write(line(0, 1), () => response.destroy())],
  ["is no ledger", (_: IncomingMessage, response: ServerResponse) => response.end("hello\n")],
])("a ledger that %s is no short ledger: the answer is an error", async (_what, how) => {
  answer = how;
  const token = await bearer("policy-author");
  const json = { files: [policy(100)], days: 7 };
  await expect(callJson(path("policies:replay"), { bearer: token, json })).rejects.toMatchObject({ code: "unavailable" });
  const told = await (await callHttp(path("policies:replay"), { bearer: token, json, headers: { accept: "application/x-ndjson" } })).text();
  expect(JSON.parse(told.trim().split("\n").at(-1) ?? "")).toMatchObject({ problem: { code: "unavailable", status: 503 } });
});

test("what audit refuses is refused here, with its words", async () => {
  answer = (_request, response) => {
    response
      .writeHead(403, { "content-type": "application/problem+json" })
      .end(JSON.stringify({ code: "permission_denied", detail: "not you" }));
  };
  const call = { bearer: await bearer("policy-author"), json: { files: [policy(1)] } };
  await expect(callJson(path("policies:replay"), call)).rejects.toMatchObject({ code: "permission_denied", message: "not you" });
});

test("only who may read a tenant's decisions may replay them, learn from them or look for drift", async () => {
  answer = (_request, response) => response.end("");
  for (const token of [await bearer("approver"), await bearer("policy-author", "other")]) {
    for (const [what, json] of [
      ["policies:replay", { files: [policy(1)] }],
      ["policies:learn", { agent: "a" }],
      ["drift", undefined],
    ] as const) {
      await expect(callJson(path(what), { bearer: token, ...(json && { json }) })).rejects.toMatchObject({ code: "permission_denied" });
    }
  }
  await expect(callJson(path("drift"), { bearer: await bearer("auditor"), json: { days: 3 } })).rejects.toMatchObject({
    code: "permission_denied",
  });
  expect(asked).toEqual([]);
});

test("a draft with faults, a tenant without policies and a body that means nothing are refused before the ledger is read", async () => {
  const token = await bearer("policy-author");
  const refused = (what: string, json: object) => expect(callJson(path(what), { bearer: token, json })).rejects;
  await refused("policies:replay", { files: [{ name: "a.yaml", text: "kind: Nothing" }] }).toMatchObject({
    code: "unprocessable",
    details: { faults: expect.any(Array) },
  });
  await refused("policies:replay", { days: 3 }).toMatchObject({ code: "not_found" });
  await refused("policies:replay", { days: 3, since: "2026-01-01T00:00:00Z", files: [policy(1)] }).toMatchObject({
    code: "invalid_argument",
  });
  await refused("policies:learn", { agent: "finance-agent", days: -1 }).toMatchObject({ code: "invalid_argument" });
  await refused("policies:simulate", { files: [policy(1)] }).toMatchObject({ code: "invalid_argument" });
  expect(asked).toEqual([]);
});

test("simulate decides each request, in order, and says of one that is none why", async () => {
  const call = { agent: "finance-agent", tool: "stripe-payments", action: "create_payment" };
  const requests = [
    { ...call, args: { amount: 5 } },
    { ...call, args: { amount: 500 } },
    { ...call, amount: 5 },
    7,
    { ...call, arguments: {} },
  ];
  const { verdicts } = await callJson<{ verdicts: object[] }>(path("policies:simulate"), {
    bearer: await bearer("approver"),
    json: { files: [policy(100)], requests },
  });
  expect(verdicts).toMatchObject([
    { decision: "allow" },
    { decision: "deny", reasons: [{ code: "parameter_out_of_range" }] },
    { error: expect.stringContaining("amount") },
    { error: expect.any(String) },
    { decision: "deny", reasons: [{ code: "parameter_missing" }] },
  ]);
});

test("drift reads usage and the registry page by page", async () => {
  const token = await bearer("policy-author");
  await callJson(path("revisions"), { bearer: token, json: { files: [policy(100)] } });
  const agent = (name: string) => ({ agent: name, state: "active", createdAt: "2026-01-01T00:00:00.000Z" });
  answer = ({ url = "" }, response) => {
    const usage = [
      {
        agent: "finance-agent",
        tool: "stripe-payments",
        action: "create_payment",
        decision: "allow",
        dryRun: false,
        calls: 3,
        last: "2026-11-01T00:00:00.000Z",
      },
    ];
    if (url.startsWith("/v1/decisions:usage")) return response.end(JSON.stringify({ usage }));
    return response.end(
      JSON.stringify(
        url.includes("cursor=") ? { agents: [agent("idle-agent")] } : { agents: [agent("finance-agent")], next: "finance-agent" },
      ),
    );
  };
  const report = await callJson(path("drift?days=10"), { bearer: token });
  expect(report).toMatchObject({ unused: [], unregistered: [], ungoverned: [], unseen: [{ agent: "idle-agent" }], drifted: true });
});
