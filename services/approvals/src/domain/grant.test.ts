import { expect, test } from "vitest";
import { back, covers, type Grant, type HeldCall, standingOf } from "./grant.ts";

const rule = `sha256:${"b".repeat(64)}`;
const grant = (change: Partial<Grant> = {}): Grant => ({
  id: "g",
  tenant: "acme",
  approvalId: "a",
  state: "live",
  agent: "finance-agent",
  subject: "user:u-42",
  tool: "stripe-payments",
  action: "create_payment",
  ruleDigest: rule,
  queue: "finance",
  quorum: 1,
  bounds: { "/amount": { max: 20_000 }, "/recipient/account": { equals: "acct_7" } },
  backers: ["bob@acme.test"],
  uses: 0,
  maxUses: 3,
  comment: "",
  createdAt: 0,
  expiresAt: 1_000,
  ...change,
});
const call = (change: Partial<HeldCall> = {}): HeldCall => ({
  agent: "finance-agent",
  subject: "user:u-42",
  chain: ["finance-agent"],
  tool: "stripe-payments",
  action: "create_payment",
  ruleDigest: rule,
  arguments: { amount: 20_000, recipient: { account: "acct_7" } },
  ...change,
});

test("a grant covers what it names, up to its bounds", () => {
  expect(covers(grant(), call(), 0)).toBe(true);
  for (const amount of [20_000.01, "20000", null, Number.NaN, [1], undefined])
    expect(covers(grant(), call({ arguments: { amount, recipient: { account: "acct_7" } } }), 0)).toBe(false);
  expect(covers(grant(), call({ arguments: { amount: 1, recipient: { account: "[REDACTED:iban]" } } }), 0)).toBe(false);
  expect(covers(grant(), call({ arguments: { amount: 1 } }), 0)).toBe(false);
});

test("a grant covers no other agent, user, tool, action or rule", () => {
  for (const change of [
    { agent: "other-agent" },
    { subject: "user:eve" },
    { tool: "mail" },
    { action: "refund" },
    { ruleDigest: `sha256:${"c".repeat(64)}` },
  ])
    expect(covers(grant(), call(change), 0), JSON.stringify(change)).toBe(false);
  expect(covers(grant({ subject: undefined }), call({ subject: "user:eve" }), 0)).toBe(true);
});

test("nobody's leave is good for a call of their own, however they are spelled", () => {
  const anybody = grant({ subject: undefined, backers: ["ann@acme.test", "bob@acme.test"] });
  expect(covers(anybody, call({ subject: "user:Bob@acme.test" }), 0)).toBe(false);
  expect(covers(anybody, call({ chain: ["finance-agent", "ann@acme.test"] }), 0)).toBe(false);
});

test("a grant is good until it is used up, over, or taken back", () => {
  expect(standingOf(grant({ uses: 2 }), 999)).toBe("live");
  expect(standingOf(grant({ uses: 3 }), 0)).toBe("used up");
  expect(standingOf(grant(), 1_000)).toBe("expired");
  expect(standingOf(grant({ state: "revoked" }), 0)).toBe("revoked");
  for (const change of [{ uses: 3 }, { state: "revoked" }, { state: "proposed" }] as const)
    expect(covers(grant(change), call(), 0)).toBe(false);
  expect(covers(grant(), call(), 1_000)).toBe(false);
});

test("a pointer finds own members only", () => {
  expect(covers(grant({ bounds: { "/constructor/name": { equals: "Object" } } }), call({ arguments: {} }), 0)).toBe(false);
  expect(covers(grant({ bounds: { "/a~1b/0": { equals: 7 } } }), call({ arguments: { "a/b": [7] } }), 0)).toBe(true);
  expect(covers(grant({ bounds: { "/list/length": { equals: 1 } } }), call({ arguments: { list: [7] } }), 0)).toBe(false);
});

test("a grant is live once as many people back it as the call needs, and none twice or for themselves", () => {
  const requester = { agent: "finance-agent", subject: "user:u-42", chain: ["finance-agent"], owner: "alice@acme.test", authors: ["dora"] };
  const proposed = grant({ state: "proposed", backers: [], quorum: 2 });
  expect(back(proposed, requester, "bob@acme.test", 0)).toBe("backed");
  const half = { ...proposed, backers: ["bob@acme.test"] };
  expect(back(half, requester, "user:BOB@acme.test", 0)).toBe("already");
  expect(back(half, requester, "ann@acme.test", 0)).toBe("live");
  for (const own of ["u-42", "Alice@acme.test", "dora"]) expect(back(half, requester, own, 0)).toBe("own_request");
  expect(back(half, requester, "ann@acme.test", 1_000)).toBe("not_open");
  expect(back({ ...half, state: "revoked" }, requester, "ann@acme.test", 0)).toBe("not_open");
});
