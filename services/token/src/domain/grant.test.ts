import type { AgentClaims } from "@aegis/identity/claims";
import { describe, expect, test } from "vitest";
import type { Agent } from "./agent.ts";
import { type GrantLimits, grantDelegated, grantOwn } from "./grant.ts";

const agent = (name: string, more: Partial<Agent> = {}): Agent => ({
  tenant: "acme",
  agent: name,
  org: "acme-group",
  owner: "alice",
  purpose: "",
  kind: "agentic",
  risk: "low",
  scope: ["ledger:*"],
  mayAct: [],
  publicJwk: { kty: "OKP", crv: "Ed25519", x: "A".repeat(43) },
  scopeReviews: [],
  state: "active",
  stateSince: 0,
  createdAt: 0,
  createdBy: "alice",
  ...more,
});

const limits: GrantLimits = {
  now: 1_700_000_000,
  maxDepth: 3,
  maxTtlSeconds: 300,
  tokenId: "token-0001",
  instance: "i-1",
  issuer: "https://token.test",
  audience: "aegis",
};

const own = (holder: Agent, request = {}): AgentClaims => {
  const outcome = grantOwn(holder, request, limits);
  if (!outcome.ok) throw new Error(outcome.why);
  return outcome.claims;
};

describe("on its own behalf, an agent", () => {
  test("gets what it asks for within its registration, for as long as is allowed", () => {
    expect(own(agent("planner"), { scope: ["ledger:read"], ttlSeconds: 60 })).toMatchObject({
      client_id: "planner",
      sub: "planner",
      org: "acme-group",
      scope: "ledger:read",
      exp: limits.now + 60,
      depth: 0,
    });
  });

  test.each([
    ["a scope beyond its registration", { scope: ["ledger:read", "mail:send"] }, "invalid_scope"],
    ["a second too many", { ttlSeconds: 301 }, "invalid_request"],
    ["no time", { ttlSeconds: 0 }, "invalid_request"],
    ["part of a second", { ttlSeconds: 1.5 }, "invalid_request"],
  ])("is refused %s", (_, request, error) => {
    expect(grantOwn(agent("planner"), request, limits)).toMatchObject({ ok: false, error });
  });

  test.each(["suspended", "revoked"] as const)("that is %s is refused", (state) => {
    expect(grantOwn(agent("planner", { state }), {}, limits)).toMatchObject({ ok: false, error: "unauthorized_client" });
  });

  test("that may do nothing gets no token", () => {
    expect(grantOwn(agent("planner", { scope: [] }), {}, limits)).toMatchObject({ ok: false, error: "invalid_scope" });
  });
});

describe("on a parent's behalf, a child", () => {
  const planner = agent("planner");
  const finance = agent("finance", { mayAct: ["planner"] });
  const parent = { claims: own(planner), record: { revoked: false }, chain: [planner] };
  const delegate = (changes: object, child = finance) => grantDelegated({ ...parent, ...changes }, child, {}, limits);

  test("gets a token while every agent of the chain is active and the parent's token is good", () => {
    expect(delegate({})).toMatchObject({ ok: true, claims: { client_id: "finance", sub: "planner", depth: 1 } });
  });

  test.each([
    ["the parent's token was revoked", { record: { revoked: true } }],
    ["the parent's token was never recorded", { record: undefined }],
    ["the parent is suspended", { chain: [agent("planner", { state: "suspended" })] }],
    ["an agent of the chain is not registered", { chain: [] }],
  ])("is refused when %s", (_, changes) => {
    expect(delegate(changes)).toMatchObject({ ok: false, error: "invalid_request" });
  });

  test("that is suspended itself is refused", () => {
    expect(delegate({}, agent("finance", { mayAct: ["planner"], state: "suspended" }))).toMatchObject({ error: "unauthorized_client" });
  });
});
