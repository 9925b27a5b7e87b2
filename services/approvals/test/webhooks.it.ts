import { until } from "@aegis/testkit/until";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Peer, peer } from "./peer.ts";
import { call, cast, hold, operatorToken, type Running, type Surroundings, surroundings } from "./running.ts";

let around: Surroundings;
let service: Running;
let endpoint: Peer;
const secret = `whsec_${Buffer.from("0123456789abcdef0123456789abcdef").toString("base64")}`;

beforeAll(async () => {
  around = await surroundings();
  await around.secret("acme", "hook", secret);
  await around.secret("other", "theirs", secret);
  service = await around.start("approvals-0");
  endpoint = await peer();
});
afterAll(async () => {
  await endpoint?.[Symbol.asyncDispose]();
  await around?.[Symbol.asyncDispose]();
});

const admin = () => operatorToken(around, "ada@acme.test", { acme: ["admin"] });
const put = async (name: string, body: unknown, token?: string) =>
  call(token ?? (await admin()), "PUT", `${service.url}/v1/channels/${name}?tenant=acme`, body);
const hook = (more: object = {}) => ({ target: { kind: "webhook", url: `${endpoint.url}/hook`, secret: "hook" }, ...more });
const about = (id: string) =>
  endpoint.heard.map((one) => ({ ...one, body: JSON.parse(one.text) })).filter((one) => one.body.data.id === id);
const told = (id: string, type: string) => about(id).filter((one) => one.body.type === type);

let next = 0;
const fresh = () => ({ agent: `agent-${next++}` });

test("only an admin of the tenant changes channels, and a channel names secrets, never holds one", async () => {
  expect((await put("ops", hook())).status).toBe(200);
  expect((await put("ops", hook(), await operatorToken(around, "bob@acme.test"))).status).toBe(403);
  expect((await put("ops", hook(), await operatorToken(around, "eve@other.test", { other: ["admin"] }))).status).toBe(403);
  for (const url of ["ftp://x.test", "https://user:pass@x.test/", "file:///etc/passwd", "x"]) {
    expect((await put("bad", { target: { kind: "webhook", url, secret: "hook" } })).status).toBe(400);
  }
  expect((await put("bad", { target: { kind: "webhook", url: "https://x.test", secret: "../other/theirs" } })).status).toBe(400);
  const { body } = await call(await operatorToken(around, "bob@acme.test"), "GET", `${service.url}/v1/channels?tenant=acme`);
  expect(body.channels).toEqual([{ name: "ops", queues: [], afterSeconds: 0, target: hook().target }]);
});

test("a held call and what became of it are told once each, signed as Standard Webhooks has it", async () => {
  const id = await hold(around, fresh());
  const [asked] = await until(() => told(id, "approval.requested").length > 0 && told(id, "approval.requested"));
  new Webhook(secret).verify(asked?.text ?? "", asked?.headers as never);
  expect(asked?.body.data).toMatchObject({ state: "pending", tenant: "acme", queue: "finance", arguments: { amount: 50_000 } });
  await cast(around, service, id, "bob@acme.test", "deny");
  const [decided] = await until(() => told(id, "approval.decided").length > 0 && told(id, "approval.decided"));
  new Webhook(secret).verify(decided?.text ?? "", decided?.headers as never);
  expect(decided?.body.data).toMatchObject({ state: "denied", decidedBy: ["bob@acme.test"] });
  expect(decided?.headers["webhook-id"]).not.toBe(asked?.headers["webhook-id"]);
});

test("an endpoint that is down, refuses, or redirects is tried again under one key until it takes it; meanwhile people may decide", async () => {
  const answers = [
    { status: 500 },
    { status: 302, headers: { location: `${endpoint.url}/elsewhere` } },
    { status: 429 },
    { status: 404 },
    { status: 204 },
  ];
  endpoint.answer = () => answers.shift() ?? { status: 204 };
  const id = await hold(around, fresh());
  await until(() => told(id, "approval.requested").length >= 5, { timeoutMs: 30_000 });
  endpoint.answer = () => ({ status: 204 });
  expect(new Set(told(id, "approval.requested").map((one) => one.headers["webhook-id"])).size).toBe(1);
  expect(endpoint.heard.every((one) => one.path === "/hook")).toBe(true);
  expect((await cast(around, service, id, "bob@acme.test", "approve")).body.state).toBe("approved");
  await until(() => told(id, "approval.decided").length === 1);
  expect(told(id, "approval.requested")).toHaveLength(5);
});

test("a channel hears only its queues, one that waits only of what nobody answered, and a removed one nothing", async () => {
  await put("later", hook({ afterSeconds: 1, queues: ["finance"] }));
  await put("elsewhere", hook({ queues: ["legal"] }));
  const [answered, waiting] = [await hold(around, fresh()), await hold(around, fresh())];
  await cast(around, service, answered, "bob@acme.test", "approve");
  await until(() => told(waiting, "approval.escalated").length === 1);
  expect(told(answered, "approval.escalated")).toEqual([]);
  expect(told(waiting, "approval.requested")).toHaveLength(1);
  for (const name of ["later", "elsewhere"]) {
    const removed = await fetch(`${service.url}/v1/channels/${name}?tenant=acme`, {
      method: "DELETE",
      headers: { authorization: `Bearer ${await admin()}` },
    });
    expect(removed.status).toBe(204);
  }
});

test("a request from before kill -9 of service, NATS and PostgreSQL is there, decidable, and told under the key it always had", async () => {
  endpoint.answer = () => ({ status: 503 });
  const id = await hold(around, { ...fresh(), expiresInMs: 600_000 });
  await until(() => told(id, "approval.requested").length >= 2);
  await Promise.all([service.kill(), around.nats.kill(), around.postgres.kill()]);
  const before = told(id, "approval.requested").length;
  await Promise.all([around.nats.start(), around.postgres.start()]);
  endpoint.answer = () => ({ status: 204 });
  service = await around.start("approvals-0");
  await until(() => told(id, "approval.requested").length > before, { timeoutMs: 100_000 });
  expect(new Set(told(id, "approval.requested").map((one) => one.headers["webhook-id"])).size).toBe(1);
  const voted = await until(async () => {
    const answer = await cast(around, service, id, "bob@acme.test", "approve");
    return answer.status === 200 && answer;
  });
  expect(voted.body.state).toBe("approved");
  await until(() => told(id, "approval.decided").length === 1);
}, 180_000);
