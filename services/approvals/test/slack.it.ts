import { until } from "@aegis/testkit/until";
import { afterAll, beforeAll, expect, test } from "vitest";
import { call, cast, hold, operatorToken, type Running, type Surroundings, surroundings } from "./running.ts";
import { payloadOf, pressed, type Slack, slackImitation } from "./slack-imitation.ts";

let around: Surroundings;
let service: Running;
let slack: Slack;
const secret = "8f742231b10e8888abcd99yyyzzz85a5";

beforeAll(async () => {
  around = await surroundings();
  slack = await slackImitation();
  await around.secret("acme", "bot", "xoxb-1");
  await around.secret("acme", "signing", secret);
  await around.secret("acme", "app", "xapp-1");
  service = await around.start("approvals-0", { SLACK_API_URL: slack.apiUrl });
  const target = { kind: "slack", conversation: "C0FINANCE", botToken: "bot", signingSecret: "signing", appToken: "app" };
  expect((await admin("PUT", "finance?tenant=acme", { target })).status).toBe(200);
  for (const [member, user] of [
    ["UANN", "ann@acme.test"],
    ["UBOB", "bob@acme.test"],
    ["U42", "u-42"],
  ]) {
    expect((await admin("PUT", `finance/members/${member}?tenant=acme`, { user })).status).toBe(200);
  }
});
afterAll(async () => {
  await around?.[Symbol.asyncDispose]();
  await slack?.[Symbol.asyncDispose]();
});

const admin = async (method: string, path: string, body?: unknown) =>
  call(await operatorToken(around, "ada@acme.test", { acme: ["admin"] }), method, `${service.url}/v1/channels/${path}`, body);
const show = async (id: string) =>
  (await call(await operatorToken(around, "ann@acme.test"), "GET", `${service.url}/v1/approvals/${id}`)).body;

let next = 0;
/** A held call, and the value of its message's buttons. */
async function posted(more: object = {}): Promise<{ id: string; value: string; agent: string }> {
  const agent = `agent-${next++}`;
  const id = await hold(around, { agent, ...more });
  const message = await until(() => slack.said("chat.postMessage").find(({ blocks }) => blocks?.includes(id)));
  expect(message.channel).toBe("C0FINANCE");
  const actions = JSON.parse(message.blocks ?? "[]").find((block: { type: string }) => block.type === "actions");
  return { id, agent, value: actions.elements[0].value };
}

type Press = ReturnType<typeof pressed>;
const post = async ({ body, headers }: Press) =>
  (await fetch(`${service.url}/integrations/slack/actions`, { method: "POST", headers, body })).status;
const press = (value: string, member: string, decision: "approve" | "deny", more: { secret?: string; atSeconds?: number } = {}) =>
  pressed({ value, member, decision, secret, ...more });
const whispered = (member: string) => slack.said("chat.postEphemeral").filter(({ user }) => user === member);

test("a click counts as the vote of the person it is, and the message says what became of it", async () => {
  const { id, value } = await posted();
  expect(await post(press(value, "UBOB", "approve"))).toBe(200);
  expect(await show(id)).toMatchObject({ state: "approved", decidedBy: ["bob@acme.test"], votes: [{ comment: "in Slack" }] });
  const updated = await until(() => slack.said("chat.update").find(({ blocks }) => blocks?.includes(id)));
  expect(updated.text).toContain("approved by bob@acme.test");
  expect(updated.blocks).not.toContain("button");
});

test("a message is updated when the approval is decided elsewhere, and again when a no follows the yes", async () => {
  const { id } = await posted();
  await cast(around, service, id, "ann@acme.test", "approve");
  const updates = () => slack.said("chat.update").filter(({ blocks }) => blocks?.includes(id));
  await until(() => updates().some(({ text }) => text?.includes("approved by ann@acme.test")));
  await cast(around, service, id, "bob@acme.test", "deny");
  await until(() => updates().some(({ text }) => text?.includes("denied by bob@acme.test")));
});

test("forged, stale, early and replayed clicks are refused and change nothing", async () => {
  const { id, value } = await posted({ quorum: 2 });
  const now = Math.floor(Date.now() / 1000);
  const good = press(value, "UBOB", "approve");
  expect(await post(press(value, "UBOB", "deny", { secret: "guess" }))).toBe(401);
  expect(await post({ ...good, body: good.body.replace("UBOB", "UANN") })).toBe(401);
  // A little more than the window, for the time that passes here.
  expect(await post(press(value, "UBOB", "deny", { atSeconds: now - 301 }))).toBe(401);
  expect(await post(press(value, "UBOB", "deny", { atSeconds: now + 400 }))).toBe(401);
  const [unsigned] = [{ body: good.body, headers: { "content-type": "application/x-www-form-urlencoded" } as Press["headers"] }];
  expect(await post(unsigned)).toBe(401);
  const otherMessage = await posted();
  expect(await post(press(`${id}.${otherMessage.value.split(".")[1]}`, "UBOB", "deny"))).toBe(401);
  expect((await show(id)).votes).toEqual([]);
  const statuses = await Promise.all(Array.from({ length: 10 }, () => post(good)));
  expect(statuses.sort()).toEqual([200, ...Array.from({ length: 9 }, () => 401)]);
  expect((await show(id)).votes).toHaveLength(1);
});

test("a click by someone who is not registered, or asked for the call, changes nothing and says so to that one only", async () => {
  const { id, value } = await posted();
  expect(await post(press(value, "UEVE", "approve"))).toBe(200);
  expect(await post(press(value, "U42", "approve"))).toBe(200);
  expect((await show(id)).votes).toEqual([]);
  await until(() => whispered("UEVE").at(-1)?.text?.includes("Nothing was changed") === true);
  await until(() => whispered("U42").at(-1)?.text?.includes("Nothing was changed: nobody decides their own request") === true);
  expect((await admin("DELETE", "finance/members/UANN?tenant=acme")).status).toBe(204);
  expect(await post(press(value, "UANN", "approve"))).toBe(200);
  expect((await show(id)).votes).toEqual([]);
  await until(() => whispered("UANN").at(-1)?.text?.includes("not registered") === true);
});

test("a click that is faster than the note of where the message is hears its answer, too", async () => {
  const answer = slack.answers["chat.postMessage"]!;
  const noted = Promise.withResolvers<void>();
  slack.answers["chat.postMessage"] = async () => noted.promise.then(answer);
  const { value } = await posted();
  expect(await post(press(value, "UNEW", "approve"))).toBe(200);
  await until(() => whispered("UNEW").at(-1)?.text?.includes("not registered") === true);
  slack.answers["chat.postMessage"] = answer;
  noted.resolve();
});

test("a click on what has expired hears that, and is nobody's no", async () => {
  const { id, value } = await posted({ expiresInMs: 3_000 });
  await until(async () => (await show(id)).state === "expired");
  expect(await post(press(value, "UBOB", "deny"))).toBe(200);
  await until(() => whispered("UBOB").at(-1)?.text?.includes("already expired") === true);
  expect(await show(id)).toMatchObject({ state: "expired", decidedBy: [], votes: [] });
});

test("while Slack refuses, the request waits and can be decided; then its message comes, once", async () => {
  const answer = slack.answers["chat.postMessage"]!;
  slack.answers["chat.postMessage"] = () => ({ ok: false, error: "internal_error" });
  const agent = "agent-patient";
  const id = await hold(around, { agent });
  const about = () => slack.said("chat.postMessage").filter(({ blocks }) => blocks?.includes(id));
  await until(() => about().length >= 2);
  expect((await cast(around, service, id, "bob@acme.test", "deny")).body.state).toBe("denied");
  expect(slack.said("chat.update").filter(({ blocks }) => blocks?.includes(id))).toEqual([]);
  slack.answers["chat.postMessage"] = answer;
  await until(() => slack.said("chat.update").some(({ blocks }) => blocks?.includes(id)));
  expect(new Set(about().map(({ metadata }) => metadata)).size).toBe(1);
});

test("over Socket Mode a click counts without anything coming in", async () => {
  const { id, value } = await posted();
  await until(() => slack.connections() === 1);
  slack.send({ envelope_id: "e-1", type: "interactive", payload: payloadOf({ value, member: "UBOB", decision: "deny" }) });
  await until(async () => (await show(id)).state === "denied");
  expect(await show(id)).toMatchObject({ decidedBy: ["bob@acme.test"] });
  expect(slack.acknowledged).toContain("e-1");
});
