import fc from "fast-check";
import { expect, test } from "vitest";
import vectors from "../../../vectors/tokens/delegations.json" with { type: "json" };
import { attenuate, type ChildRegistration, type DelegationLimits, type DelegationRequest, isNarrowing } from "./attenuate.ts";
import { type AgentClaims, agentClaims, scopeOf } from "./claims.ts";
import { covers, intersect, parseScope } from "./scope.ts";

interface Case {
  name: string;
  parent: AgentClaims;
  child: ChildRegistration;
  request: DelegationRequest;
  limits: DelegationLimits;
  error?: string;
  claims?: AgentClaims;
}

test.each(vectors as unknown as Case[])("$name", ({ parent, child, request, limits, error, claims }) => {
  const result = attenuate(agentClaims.parse(parent), request, child, limits);
  expect(result.ok ? { claims: agentClaims.parse(result.claims) } : { error: result.error }).toEqual(error ? { error } : { claims });
});

const now = 1_700_000_000;
const agents = ["a-agent", "b-agent", "c-agent", "d-agent", "e-agent"];
const items = ["pay:send", "pay:read", "pay:*", "ehr:read", "ehr:*", "a%3Ab:c", "a:b%3Ac", "a:*"];
const scope = fc.subarray(items, { minLength: 1 }).map((some) => parseScope(some.join(" ")));

const parent = fc
  .record({
    depth: fc.integer({ min: 0, max: 3 }),
    user: fc.boolean(),
    scope,
    left: fc.integer({ min: 1, max: 300 }),
    prompt: fc.boolean(),
  })
  .map(({ depth, user, scope, left, prompt }): AgentClaims => {
    const actors = agents.slice(user ? 0 : 1, depth + 1);
    const act = actors.reduce<AgentClaims["act"]>((inner, sub) => (inner ? { sub, act: inner } : { sub }), undefined);
    return agentClaims.parse({
      iss: "https://token.test",
      aud: "aegis",
      iat: now + left - 300,
      exp: now + left,
      jti: "parent-token-1",
      org: "acme-group",
      tenant: "acme",
      client_id: agents[depth],
      sub: user ? "user:u-42" : agents[0],
      ...(act ? { act } : {}),
      depth,
      instance: "i-1",
      scope: scope.join(" "),
      ...(prompt ? { prompt_id: "p-1", session_id: "s-1" } : {}),
    });
  });

const limits: DelegationLimits = { now, maxDepth: 3, maxTtlSeconds: 300, tokenId: "child-token-1", instance: "i-2" };
const registration = (above: AgentClaims, own: readonly string[]): ChildRegistration => ({
  tenant: "acme",
  agent: "z-agent",
  scope: own,
  mayAct: [above.client_id],
});
const longest = (above: AgentClaims) => Math.min(300, above.exp - now);

test("every proper narrowing is accepted, and what comes out is one", () => {
  fc.assert(
    fc.property(parent, scope, fc.nat(), fc.nat(), (above, own, pick, seconds) => {
      fc.pre(above.depth < 3);
      const ceiling = intersect(scopeOf(above), own);
      fc.pre(ceiling.length > 0);
      const wanted = ceiling.filter((_, index) => index === pick % ceiling.length || (pick >> index) & 1);
      const ttlSeconds = 1 + (seconds % longest(above));
      const result = attenuate(above, { scope: wanted, ttlSeconds }, registration(above, own), limits);
      expect(result).toMatchObject({ ok: true });
      if (!result.ok) return;
      const child = agentClaims.parse(result.claims);
      expect(isNarrowing(above, child)).toBe(true);
      expect(covers(own, scopeOf(child))).toBe(true);
      expect(child.exp).toBe(now + ttlSeconds);
      expect([child.sub, child.prompt_id, child.session_id]).toEqual([above.sub, above.prompt_id, above.session_id]);
    }),
    { numRuns: 10_000 },
  );
});

type Widening = (
  above: AgentClaims,
  own: readonly string[],
  n: number,
) => [DelegationRequest, ChildRegistration, DelegationLimits, AgentClaims?] | undefined;

const widenings: Record<string, Widening> = {
  "by one scope item": (above, own, n) => {
    const ceiling = intersect(scopeOf(above), own);
    const beyond = [...items, "pay:sen", "PAY:read", "*:*", "pay:r*", "pay:read:x", "", " "].filter((item) => !covers(ceiling, [item]));
    return [{ scope: [...ceiling, beyond[n % beyond.length]!] }, registration(above, own), limits];
  },
  "by one second": (above, own, n) => [
    { ttlSeconds: longest(above) + 1 + (n % 3) },
    registration(above, own),
    { ...limits, maxTtlSeconds: 300 + n },
  ],
  "by one level": (above, own, n) => [{}, registration(above, own), { ...limits, maxDepth: above.depth - (n % 2) }],
  "past three levels": (above, own, n) => (above.depth === 3 ? [{}, registration(above, own), { ...limits, maxDepth: 3 + n }] : undefined),
  "to a parent not in may_act": (above, own, n) => [
    {},
    { ...registration(above, own), mayAct: agents.filter((agent, index) => agent !== above.client_id && (n >> index) & 1) },
    limits,
  ],
  "to another tenant": (above, own) => [{}, { ...registration(above, own), tenant: "globex" }, limits],
  "to another prompt": (above, own, n) =>
    above.prompt_id ? [n % 2 ? { promptId: "p-2" } : { sessionId: "s-2" }, registration(above, own), limits] : undefined,
  "to another key, or to none": (above, own, n) => [
    [{}, { cnf: { jkt: "another" } }, { cnf: { "x5t#S256": "the parent's" } }][n % 3]!,
    registration({ ...above, cnf: { jkt: "the parent's" } }, own),
    limits,
    { ...above, cnf: { jkt: "the parent's" } },
  ],
  "to another certificate, or to a key": (above, own, n) => [
    [{}, { cnf: { "x5t#S256": "another" } }, { cnf: { jkt: "the parent's" } }][n % 3]!,
    registration({ ...above, cnf: { "x5t#S256": "the parent's" } }, own),
    limits,
    { ...above, cnf: { "x5t#S256": "the parent's" } },
  ],
  "past the parent's end": (above, own, n) => [{}, registration(above, own), { ...limits, now: above.exp + (n % 5) }],
};

test.each(Object.entries(widenings))("no delegation is widened %s", (_, widen) => {
  fc.assert(
    fc.property(parent, scope, fc.nat(), (above, own, n) => {
      const tried = widen(above, own, n);
      fc.pre(tried !== undefined);
      const [request, child, bounds, instead = above] = tried!;
      expect(attenuate(instead, request, child, bounds).ok).toBe(false);
    }),
    { numRuns: 13_000 },
  );
});

test("a child that proves the key its parent is bound to gets a token bound to that key", () => {
  const above = {
    ...fc.sample(parent, { numRuns: 1, seed: 1 })[0]!,
    depth: 0,
    sub: "a-agent",
    act: undefined,
    client_id: "a-agent",
    cnf: { jkt: "k" },
  };
  const own = scopeOf(above);
  const result = attenuate(above, { cnf: { jkt: "k" } }, registration(above, own), limits);
  if (!result.ok) throw new Error(result.why);
  expect(result.claims.cnf).toEqual({ jkt: "k" });
  expect(isNarrowing(above, result.claims)).toBe(true);
  expect(isNarrowing(above, { ...result.claims, cnf: undefined })).toBe(false);
  expect(isNarrowing(above, { ...result.claims, aud: "another" })).toBe(false);
});
