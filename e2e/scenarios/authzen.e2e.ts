import { beforeAll, describe, expect, test } from "vitest";
import { authzenTenant, type Pep } from "../src/authzen.ts";

/** The sections of OpenID's "AuthZEN Authorization API 1.0 - Certification Scenario", all but search, which is not offered. */
let gateway: Pep;

beforeAll(async () => {
  ({ gateway } = await authzenTenant());
}, 120_000);

const alice = { type: "user", id: "alice" };
const bob = { type: "user", id: "bob" };
const admin = { ...bob, properties: { role: "admin" } };
const record = (id: string, status?: string) => ({ type: "record", id, ...(status !== undefined && { properties: { status } }) });
const act = (name: string, properties?: object) => ({ name, ...(properties && { properties }) });
const question = (subject: object, action: object, resource: object) => ({ subject, action, resource });
const readsOne = question(alice, act("read"), record("record-1"));
const single = (body: unknown, headers?: Record<string, string>) => gateway.post("/access/v1/evaluation", body, headers);
const batch = (body: unknown) => gateway.post("/access/v1/evaluations", body);
const context = { time: "2025-06-27T18:03-07:00", ip: "192.168.1.1" };

describe("Basic: access evaluation", () => {
  test.each<[string, object, boolean]>([
    ["2.2.1 permits what the fixture permits", readsOne, true],
    ["1.4 rule 2", question(alice, act("write"), record("record-1")), true],
    ["1.4 rule 3", question(bob, act("read"), record("record-1")), true],
    ["2.2.2 denies what it denies", question(bob, act("write"), record("record-1")), false],
    ["2.2.3 takes an optional context", { ...readsOne, context }, true],
    ["2.2.4 denies by a property of the resource", question(alice, act("write"), record("record-2", "archived")), false],
    ["2.2.4 by the property and not by the id", question(alice, act("write"), record("record-1", "archived")), false],
    ["2.2.5 permits by a property of the subject", question(admin, act("write"), record("record-2", "archived")), true],
    ["2.2.6 permits by a property of the action", question(alice, act("delete", { soft: true }), record("record-1")), true],
    ["2.2.7 denies by it", question(alice, act("delete", { soft: false }), record("record-1")), false],
    [
      "2.2.8 takes further properties",
      question({ ...alice, properties: { department: "Sales", role: "manager" } }, act("read", { method: "GET" }), {
        ...record("record-1"),
        properties: { status: "active", owner: "bob" },
      }),
      true,
    ],
    ["2.2.9 ignores unknown members", { ...readsOne, foo: "bar", futureField: { nested: true } }, true],
  ])("%s", async (_, body, decision) => {
    const answer = await single(body);
    expect([answer.status, answer.headers.get("content-type"), answer.body.decision]).toEqual([
      200,
      expect.stringMatching(/^application\/json/),
      decision,
    ]);
    // 2.3.2
    expect(answer.body.context).toBeTypeOf("object");
  });

  const { subject: _s, ...noSubject } = readsOne;
  const { action: _a, ...noAction } = readsOne;
  const { resource: _r, ...noResource } = readsOne;
  test.each<[string, unknown, Record<string, string>?]>([
    ["2.4.1 without a subject", noSubject],
    ["2.4.1 without an action", noAction],
    ["2.4.1 without a resource", noResource],
    ["2.4.2 without subject.type", { ...readsOne, subject: { id: "alice" } }],
    ["2.4.2 without subject.id", { ...readsOne, subject: { type: "user" } }],
    ["2.4.2 without action.name", { ...readsOne, action: {} }],
    ["2.4.2 without resource.type", { ...readsOne, resource: { id: "record-1" } }],
    ["2.4.2 without resource.id", { ...readsOne, resource: { type: "record" } }],
    ["2.4.3 of another content type", JSON.stringify(readsOne), { "content-type": "text/plain" }],
    ["2.4.3 as a form", JSON.stringify(readsOne), { "content-type": "application/x-www-form-urlencoded" }],
    ["2.4.4 that is no JSON", '{"subject": '],
    ["2.4.5 that is empty", ""],
    ["2.4.6 whose subject is a text", { ...readsOne, subject: "alice" }],
    ["2.4.6 whose action.name is a number", { ...readsOne, action: { name: 123 } }],
  ])("%s: 400", async (_, body, headers) => {
    expect((await single(body, headers)).status).toBe(400);
  });

  test("2.5.1 X-Request-ID comes back, also with an error; 2.5.2 it may be absent", async () => {
    const id = { "x-request-id": "bfe9eb29-ab87-4ca3-be83-a1d5d8305716" };
    expect((await single(readsOne, id)).headers.get("x-request-id")).toBe(id["x-request-id"]);
    expect((await single({}, id)).headers.get("x-request-id")).toBe(id["x-request-id"]);
    expect((await single(readsOne)).status).toBe(200);
  });

  test("2.6 the same question has the same answer", async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => single(readsOne)));
    expect(answers.map(({ body }) => body.decision)).toEqual([true, true, true, true, true]);
  });
});

describe("Batch: access evaluations", () => {
  const any = expect.any(Boolean);
  const archived = record("record-2", "archived");
  test.each<[string, object, unknown[]]>([
    [
      "3.2.1 shares subject and action",
      { subject: alice, action: act("read"), evaluations: [{ resource: record("record-1") }, { resource: record("record-2") }] },
      [any, any],
    ],
    [
      "3.2.2 keeps the order",
      { subject: bob, resource: record("record-1"), evaluations: [{ action: act("read") }, { action: act("write") }] },
      [true, false],
    ],
    [
      "3.2.3 looks at each resource's properties",
      { subject: alice, action: act("write"), evaluations: [{ resource: record("record-1", "active") }, { resource: archived }] },
      [true, false],
    ],
    [
      "3.2.4 looks at each subject's properties",
      { action: act("write"), resource: archived, evaluations: [{ subject: alice }, { subject: admin }] },
      [false, true],
    ],
    [
      "3.2.5 takes evaluations that share nothing",
      { evaluations: [readsOne, question(bob, act("write"), record("record-1"))] },
      [true, false],
    ],
    [
      "3.2.6 shares the context",
      {
        ...{ subject: alice, action: act("read"), context },
        evaluations: [{ resource: record("record-1") }, { resource: record("record-2"), context: { source: "batch-override" } }],
      },
      [any, any],
    ],
    [
      "3.2.7 replaces a shared member whole",
      { ...question(alice, act("write"), record("record-1", "active")), evaluations: [{}, { resource: archived }] },
      [true, false],
    ],
    [
      "3.4.1 answers an evaluation that cannot be read with false",
      {
        ...{ subject: alice, action: act("read"), options: { evaluations_semantic: "execute_all" } },
        evaluations: [{ resource: record("record-1") }, {}],
      },
      [true, false],
    ],
  ])("%s", async (_, body, decisions) => {
    const answer = await batch(body);
    expect([answer.status, answer.body.evaluations?.map((one: { decision: boolean }) => one.decision)]).toEqual([200, decisions]);
    // 3.3.4
    expect(answer.body).not.toHaveProperty("decision");
  });

  test.each([
    ["3.4.2 without evaluations", {}],
    ["3.4.3 with an empty list", { evaluations: [] }],
  ])("%s, it is one evaluation", async (_, more) => {
    const answer = await batch({ ...readsOne, ...more });
    expect([answer.status, answer.body.decision]).toEqual([200, true]);
  });

  test.each([
    ["execute_all", [true, false, true]],
    ["deny_on_first_deny", [true, false]],
    ["permit_on_first_permit", [true]],
  ])("the semantic %s", async (semantic, decisions) => {
    const evaluations = ["read", "write", "read"].map((name) => ({ action: act(name) }));
    const answer = await batch({ subject: bob, resource: record("record-1"), evaluations, options: { evaluations_semantic: semantic } });
    expect(answer.body.evaluations.map((one: { decision: boolean }) => one.decision)).toEqual(decisions);
  });
});

test("6 the metadata names what there is, and no search", async () => {
  const { status, headers, body } = await gateway.request("GET", "/.well-known/authzen-configuration");
  expect([status, headers.get("content-type")]).toEqual([200, expect.stringMatching(/^application\/json/)]);
  expect(body).toEqual({
    policy_decision_point: gateway.url,
    access_evaluation_endpoint: `${gateway.url}/access/v1/evaluation`,
    access_evaluations_endpoint: `${gateway.url}/access/v1/evaluations`,
    access_request_endpoint: `${gateway.url}/access/v1/requests`,
    capabilities: ["urn:openid:authzen:capability:access-request"],
    supported_obligations: ["custom"],
  });
  for (const kind of ["subject", "resource", "action"])
    expect((await gateway.post(`/access/v1/search/${kind}`, readsOne)).status, `search ${kind}`).toBe(404);
});
