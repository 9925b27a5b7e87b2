import { beforeAll, expect, test } from "vitest";
import { authzenTenant, type Pep, pep } from "../src/authzen.ts";
import type { Tenant } from "../src/tenant.ts";

/** The worked flow of AuthZEN's Access Request and Approval Profile, over plain HTTP. */
let tenant: Tenant;
let gateway: Pep;
let tokenOf: (agent: string) => Promise<string>;

beforeAll(async () => {
  ({ tenant, gateway, tokenOf } = await authzenTenant());
}, 120_000);

const opens = (user: string) => ({
  ...{ subject: { type: "user", id: user }, resource: { type: "document", id: "q4-plan" }, action: { name: "can_read" } },
});
const requests = "/access/v1/requests";
const problem = (error: string) => `urn:openid:authzen:access-request:error:${error}`;

/** Asks, is denied, and requests access. */
async function requested(user: string, headers: Record<string, string> = {}) {
  const denied = await gateway.post("/access/v1/evaluation", opens(user));
  const { evaluation_id, evaluated_at, reason, access_request } = denied.body.context;
  const denial = { evaluation_id, evaluated_at, expires_at: access_request.expires_at, reason, template: access_request.template };
  const submission = { ...opens(user), denial };
  const answer = await gateway.post(requests, submission, headers);
  return { denied, submission, answer };
}

const decide = (id: string, how: "approve" | "deny") => tenant.cli.json(["approvals", how, id, "--tenant", tenant.name, "--as", "bob"]);

test("the worked flow: denied, requested, approved by a person, evaluated again, and not once more", async () => {
  const denied = await gateway.post("/access/v1/evaluation", {
    ...opens("alice@example.com"),
    context: { time: "2026-04-30T20:15:00Z" },
  });
  expect([denied.status, denied.body]).toMatchObject([
    200,
    {
      decision: false,
      context: {
        evaluation_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        evaluated_at: expect.any(String),
        reason: "approval_required",
        access_request: { endpoint: `${gateway.url}${requests}`, template: "managers", expires_at: expect.any(String) },
      },
    },
  ]);
  const { evaluation_id, evaluated_at, reason, access_request } = denied.body.context;

  const submission = {
    ...opens("alice@example.com"),
    context: { business_justification: "Needed for customer renewal review" },
    requested_access: { requested_until: "2030-05-01T00:15:00Z" },
    denial: { evaluation_id, evaluated_at, expires_at: access_request.expires_at, reason, template: access_request.template },
  };
  const key = { "idempotency-key": "7b8d0f0d-65a1-4af1-9fd3-a684f08a5d13" };
  const accepted = await gateway.post(access_request.endpoint, submission, key);
  expect([accepted.status, accepted.body]).toMatchObject([202, { task: { status: "pending" } }]);
  const { id, status_endpoint, links } = accepted.body.task;
  expect([accepted.headers.get("location"), links.cancel]).toEqual([status_endpoint, `${status_endpoint}/cancel`]);

  // The key is good for the very same request, and for no other.
  const repeated = await gateway.post(access_request.endpoint, submission, key);
  expect([repeated.status, repeated.body.task.id]).toEqual([202, id]);
  const other = await gateway.post(access_request.endpoint, { ...submission, context: {} }, key);
  expect([other.status, other.headers.get("content-type"), other.body.type]).toEqual([
    409,
    expect.stringMatching(/^application\/problem\+json/),
    problem("duplicate_request"),
  ]);

  const pending = await gateway.request("GET", status_endpoint);
  expect([pending.status, pending.body.task.status, pending.headers.get("retry-after")]).toEqual([200, "pending", "5"]);
  expect(pending.body).not.toHaveProperty("result");

  await decide(id, "approve");
  const completed = await gateway.request("GET", status_endpoint);
  expect(completed.body).toMatchObject({
    task: { id, status: "approved" },
    result: {
      mode: "reevaluate",
      approval: { id: expect.any(String), approved_at: expect.any(String), approved_until: expect.any(String) },
    },
  });
  expect(completed.body.task).not.toHaveProperty("links");
  const shown = await tenant.cli.run("approvals", "show", id, "--tenant", tenant.name, "--json");
  expect(JSON.parse(shown.stdout)).toMatchObject({ state: "approved", agent: "records-gateway", tool: "q4-plan" });

  const again = {
    ...opens("alice@example.com"),
    context: { time: "2026-04-30T20:43:00Z", approval: completed.body.result.approval },
  };
  const decided = await gateway.post("/access/v1/evaluation", again);
  expect([decided.status, decided.body]).toMatchObject([
    200,
    { decision: true, context: { approval: { id: completed.body.result.approval.id, approved_until: expect.any(String) } } },
  ]);

  // An approval is for one call. The task stays what it was; the call can be requested anew.
  const replayed = await gateway.post("/access/v1/evaluation", again);
  expect(replayed.body).toMatchObject({
    decision: false,
    context: { reason: "approval_expired", next_action: "request", access_request: { endpoint: access_request.endpoint } },
  });
  expect((await gateway.request("GET", status_endpoint)).body.task.status).toBe("approved");
});

test("100 evaluations with one approval at the same time: one passes", async () => {
  const { answer } = await requested("carol@example.com");
  const { id } = answer.body.task;
  await decide(id, "approve");
  const body = { ...opens("carol@example.com"), context: { approval: { id } } };
  const answers = await Promise.all(Array.from({ length: 100 }, () => gateway.post("/access/v1/evaluation", body)));
  expect(answers.filter(({ body: one }) => one.decision === true)).toHaveLength(1);
  expect(new Set(answers.filter(({ body: one }) => one.decision === false).map(({ body: one }) => one.context.reason))).toEqual(
    new Set(["approval_expired"]),
  );
});

test("an approval counts for nothing but what was asked, by who asked", async () => {
  const { answer } = await requested("dave@example.com");
  const { id } = answer.body.task;
  const present = async (user: string, approval: object, as = gateway) =>
    (await as.post("/access/v1/evaluation", { ...opens(user), context: { approval } })).body;
  expect(await present("dave@example.com", { id })).toMatchObject({
    decision: false,
    context: { reason: "grant_pending", next_action: "retry", retry_after: 5 },
  });
  await decide(id, "approve");
  const changed = { ...opens("dave@example.com"), action: { name: "can_read", properties: { pages: "all" } } };
  const wider = await gateway.post("/access/v1/evaluation", { ...changed, context: { approval: { id } } });
  expect(wider.body).toMatchObject({ decision: false });
  expect((await present("heidi@example.com", { id })).context).toMatchObject({ reason: "out_of_scope", next_action: "request" });
  for (const unknown of ["01890a5d-ac96-774b-bcce-b302099a8057", "apr_1"])
    expect(await present("dave@example.com", { id: unknown })).toMatchObject({
      decision: false,
      context: { reason: "approval_unverifiable", next_action: "none" },
    });
  await tenant.register("other-gateway", "--scope", "q4-plan:* authzen:assert-subject");
  const other = pep(gateway.url, await tokenOf("other-gateway"));
  expect((await present("dave@example.com", { id }, other)).decision).toBe(false);
  expect((await other.request("GET", `${requests}/${id}`)).body.type).toBe(problem("unknown_task"));
  expect((await other.post(`${requests}/${id}/cancel`, {})).body.type).toBe(problem("unknown_task"));
  expect(await present("dave@example.com", { id })).toMatchObject({ decision: true });
});

test("a no is a no, a task can be taken back once, and what was decided cannot", async () => {
  const first = await requested("erin@example.com");
  const { id } = first.answer.body.task;
  await decide(id, "deny");
  const denied = await gateway.request("GET", `${requests}/${id}`);
  expect([denied.body.task.status, denied.body.result]).toEqual(["denied", undefined]);
  expect((await gateway.post(`${requests}/${id}/cancel`, {})).body.type).toBe(problem("invalid_task_state"));
  const refused = await gateway.post("/access/v1/evaluation", { ...opens("erin@example.com"), context: { approval: { id } } });
  expect(refused.body).toMatchObject({ decision: false, context: { reason: "policy_denied", next_action: "none" } });
  const second = (await requested("frank@example.com")).answer.body.task;
  const cancelled = await gateway.post(second.links.cancel, { reason: "done", comment: "found it elsewhere" });
  expect([cancelled.status, cancelled.body.task.status]).toEqual([200, "cancelled"]);
  expect((await gateway.request("DELETE", second.links.cancel)).status).toBe(409);
});

test("a request that is not the denied call, or of no such denial, is refused by the profile's names", async () => {
  const { submission } = await requested("grace@example.com");
  const send = async (change: object) => (await gateway.post(requests, { ...submission, ...change })).body.type;
  const { denial } = submission;
  expect(await send({ action: { name: "can_write" } })).toBe(problem("invalid_denial_binding"));
  expect(await send({ context: { arguments: { pages: "all" } } })).toBe(problem("invalid_denial_binding"));
  expect(await send({ denial: undefined })).toBe(problem("invalid_denial_binding"));
  expect(await send({ denial: { ...denial, evaluation_id: "eval_1" } })).toBe(problem("invalid_denial_binding"));
  expect(await send({ denial: { ...denial, evaluation_id: "01890a5d-ac96-774b-bcce-b302099a8057" } })).toBe(problem("not_requestable"));
  expect(await send({ denial: { ...denial, expires_at: "2026-01-01T00:00:00Z" } })).toBe(problem("expired_denial"));
  expect(await send({ callback: { endpoint: "https://pep.example.com/" } })).toBe("urn:aegis:error:invalid_argument");
  expect((await gateway.post(requests, submission, { authorization: "Bearer x" })).status).toBe(401);
  expect((await gateway.request("GET", `${requests}/nothing`)).body.type).toBe(problem("unknown_task"));
  const denied = await gateway.post("/access/v1/evaluation", {
    ...opens("grace@example.com"),
    resource: { type: "document", id: "other" },
  });
  expect(denied.body).toMatchObject({ decision: false, context: { evaluation_id: expect.any(String) } });
  expect(denied.body.context).not.toHaveProperty("access_request");
});

test("only an agent whose token says so names a user itself", async () => {
  await tenant.register("plain-agent", "--scope", "q4-plan:* record-1:*");
  const plain = pep(gateway.url, await tokenOf("plain-agent"));
  const claimed = await plain.post("/access/v1/evaluation", opens("alice@example.com"));
  expect(claimed.body).toMatchObject({ decision: false, context: { reasons: [{ code: "context_mismatch" }] } });
  const asAgent = await gateway.post("/access/v1/evaluation", { ...opens("x"), subject: { type: "agent", id: "plain-agent" } });
  expect(asAgent.body).toMatchObject({ decision: false, context: { reasons: [{ code: "context_mismatch" }] } });
});
