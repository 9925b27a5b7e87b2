import { subject } from "@aegis/contracts/subjects";
import { until } from "@aegis/testkit/until";
import { Webhook } from "standardwebhooks";
import { v7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Peer, peer } from "./peer.ts";
import { call, operatorToken, type Running, type Surroundings, surroundings } from "./running.ts";
import { type Slack, slackImitation } from "./slack-imitation.ts";

let around: Surroundings;
let slack: Slack;
let endpoint: Peer;
let replicas: Running[];
const secret = `whsec_${Buffer.from("0123456789abcdef0123456789abcdef").toString("base64")}`;

beforeAll(async () => {
  around = await surroundings();
  [slack, endpoint] = [await slackImitation(), await peer()];
  for (const [name, value] of Object.entries({ hook: secret, flow: `${endpoint.url}/flow`, bot: "xoxb-1", signing: "s".repeat(32) }))
    await around.secret("acme", name, value);
  const settings = { SLACK_API_URL: slack.apiUrl };
  replicas = [await around.start("approvals-0", settings), await around.start("approvals-1", settings)];
  for (const [name, target] of Object.entries({
    hook: { kind: "webhook", url: `${endpoint.url}/hook`, secret: "hook" },
    flow: { kind: "teams", webhook: "flow" },
    slack: { kind: "slack", conversation: "C0FINANCE", botToken: "bot", signingSecret: "signing" },
  })) {
    const token = await operatorToken(around, "ada@acme.test", { acme: ["admin"] });
    expect((await call(token, "PUT", `${replicas[0]!.url}/v1/channels/${name}?tenant=acme`, { target })).status).toBe(200);
  }
});
afterAll(async () => {
  await around?.[Symbol.asyncDispose]();
  await slack?.[Symbol.asyncDispose]();
  await endpoint?.[Symbol.asyncDispose]();
});

const tripped = (scope: string, more: { tenant?: string; endsAt?: number } = {}) => ({
  ...{ specversion: "1.0", id: v7(), source: "aegis/budget/budget-0", type: "dev.aegis.budget.tripped.v1" },
  ...{ time: new Date().toISOString(), datacontenttype: "application/json", tenant: more.tenant ?? "acme" },
  data: { scope, cause: "denied", until: new Date(more.endsAt ?? Date.now() + 30_000).toISOString() },
});
const say = (event: ReturnType<typeof tripped>, times = 1) =>
  Promise.all(
    Array.from({ length: times }, (_, at) =>
      // As after a crash beyond the time that NATS remembers ids for.
      around.nats.bus.jetstream.publish(subject("budgetTripped", { tenant: event.tenant }), JSON.stringify(event), {
        msgID: `${event.id}-${at}`,
      }),
    ),
  );
const about = (path: string, scope: string) => endpoint.heard.filter((one) => one.path === path && one.text.includes(scope));

test("a pause reaches webhook, Teams and Slack, each once, however often the event comes, on two replicas", async () => {
  const failures = [500, 302];
  endpoint.answer = () => ({ status: failures.shift() ?? 204 });
  await say(tripped("agent/looping"), 3);
  const heard = () => about("/hook", "agent/looping").length + about("/flow", "agent looping").length;
  await until(() => heard() >= 4, { timeoutMs: 20_000, what: "each of two to be taken after one refusal, or two" });
  await until(() => slack.said("chat.postMessage").some(({ blocks }) => blocks?.includes("agent looping")));
  // A later pause has arrived everywhere: nothing of this one is on its way any more.
  await say(tripped("agent/later"));
  await until(() => about("/hook", "agent/later").length > 0 && about("/flow", "agent later").length > 0, { timeoutMs: 20_000 });
  const hook = about("/hook", "agent/looping").at(-1)!;
  new Webhook(secret).verify(hook.text, hook.headers as never);
  expect(JSON.parse(hook.text)).toMatchObject({
    type: "breaker.tripped",
    data: { tenant: "acme", scope: "agent/looping", cause: "denied" },
  });
  expect(new Set(about("/hook", "agent/looping").map(({ headers }) => headers["webhook-id"])).size).toBe(1);
  expect(new Set(about("/flow", "agent looping").map(({ headers }) => headers["x-idempotency-key"])).size).toBe(1);
  expect(heard(), "two were refused, and two were taken").toBe(4);
  expect(slack.said("chat.postMessage").filter(({ blocks }) => blocks?.includes("agent looping"))).toHaveLength(1);
});

test("nobody is told of another tenant's pause, nor of one that is long over", async () => {
  await say(tripped("agent/theirs", { tenant: "other" }));
  await say(tripped("agent/bygone", { endsAt: Date.now() - 2 * 3_600_000 }));
  await say(tripped("agent/last"));
  await until(() => about("/hook", "agent/last").length > 0);
  expect(endpoint.heard.filter(({ text }) => /theirs|bygone/.test(text))).toEqual([]);
});

test("a budget that runs low or is out reaches each channel once; a prompt's reaches none", async () => {
  const tell = async (verb: "threshold" | "exhausted", scope: string, times = 1) => {
    const event = {
      ...{ specversion: "1.0", id: v7(), source: "aegis/budget/budget-0", type: `dev.aegis.budget.${verb}.v1` },
      ...{ time: new Date().toISOString(), datacontenttype: "application/json", tenant: "acme" },
      data: { scope, unit: "actions", window: "day", limit: 50, used: 40, ...(verb === "threshold" && { percent: 80 }) },
    };
    const name = verb === "threshold" ? "budgetThreshold" : "budgetExhausted";
    for (let time = 0; time < times; time++)
      await around.nats.bus.jetstream.publish(subject(name, { tenant: "acme" }), JSON.stringify(event), { msgID: `${event.id}-${time}` });
  };
  await tell("exhausted", "prompt/p-1");
  await tell("threshold", "agent/low", 3);
  await tell("exhausted", "agent/out");
  await until(() => about("/hook", "agent/low").length > 0 && about("/hook", "agent/out").length > 0, { timeoutMs: 20_000 });
  await until(() => slack.said("chat.postMessage").some(({ blocks }) => blocks?.includes("a budget of agent out is out")));
  const [hook] = about("/hook", "agent/low");
  expect(JSON.parse(hook!.text)).toMatchObject({
    type: "budget.threshold",
    data: { tenant: "acme", scope: "agent/low", unit: "actions", window: "day", limit: 50, used: 40, percent: 80 },
  });
  expect(about("/hook", "agent/low")).toHaveLength(1);
  expect(JSON.parse(about("/hook", "agent/out")[0]!.text).type).toBe("budget.exhausted");
  expect(endpoint.heard.filter(({ text }) => text.includes("p-1"))).toEqual([]);
});
