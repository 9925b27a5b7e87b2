import type { Limit, PolicyContent } from "@aegis/policy/ir";
import { expect, test } from "vitest";
import { concerns, namedAccounts, scopePattern, scopesOfUsage } from "./scope.ts";
import { lowest, targetOf } from "./target.ts";

const limit = (scope: string, units: number, more: Partial<Limit> = {}): Limit => ({
  rule: "p.yaml:1",
  scope,
  unit: "actions",
  window: scope.startsWith("prompt") ? "prompt" : "day",
  limit: units,
  timeZone: "America/Sao_Paulo",
  ...more,
});

const content = (...limits: Limit[]): PolicyContent => ({
  tenant: "acme",
  revision: 1,
  version: "1-0",
  digest: "sha256:0",
  policies: { format: 1, tenant: "acme", governance: { limits, settings: {} }, policies: [] },
});

test("an account's window is its limit's day, and the lowest limit wins", () => {
  const now = Date.parse("2026-11-20T02:00:00Z");
  const target = targetOf(
    content(limit("agent/*", 9), limit("agent/a", 5)),
    { tenant: "acme", scope: "agent/a", unit: "actions", window: "day" },
    now,
  );
  expect(target).toMatchObject({ policyLimit: 5, windowStart: Date.parse("2026-11-19T03:00:00Z") });
  expect(lowest(5, 3)).toBe(3);
  expect(lowest(undefined, 3)).toBe(3);
  expect(lowest(0, 3)).toBe(0);
  expect(lowest(undefined, undefined)).toBeUndefined();
});

test("what nobody bounds has no limit, and still the tenant's day", () => {
  const target = targetOf(content(limit("tenant", 9)), { tenant: "acme", scope: "agent/a", unit: "actions", window: "day" }, 0);
  expect(target).toMatchObject({ policyLimit: undefined, windowStart: Date.parse("1969-12-31T03:00:00Z") });
});

test("patterns become accounts when an agent or a prompt is asked for", () => {
  const policies = content(limit("tenant", 9), limit("agent/fin-*", 5), limit("prompt/*", 4), limit("prompt/*/agent/fin-*", 2));
  expect(namedAccounts(policies, {}).map((one) => one.scope)).toEqual(["tenant"]);
  expect(namedAccounts(policies, { agent: "fin-1" }).map((one) => one.scope)).toEqual(["agent/fin-1"]);
  expect(namedAccounts(policies, { agent: "fin-1", promptId: "p/1" }).map((one) => one.scope)).toEqual([
    "agent/fin-1",
    "prompt/p%2F1",
    "prompt/p%2F1/agent/fin-1",
  ]);
  expect(namedAccounts(policies, { agent: "other", promptId: "p" }).map((one) => one.scope)).toEqual(["prompt/p"]);
});

test("an agent's or a prompt's accounts, and no other's", () => {
  expect(concerns({ agent: "a" }, "agent/a")).toBe(true);
  expect(concerns({ agent: "a" }, "agent/ab")).toBe(false);
  expect(concerns({ promptId: "p" }, "prompt/p/agent/b")).toBe(true);
  expect(concerns({ promptId: "p" }, "prompt/pq")).toBe(false);
  expect(concerns({ promptId: "p", agent: "a" }, "prompt/p/agent/b")).toBe(false);
});

test("usage counts on every account that names its user", () => {
  expect(scopesOfUsage({ agent: "a", promptId: "p", sessionId: "s" })).toEqual([
    "tenant",
    "agent/a",
    "prompt/p",
    "prompt/p/agent/a",
    "session/s",
    "session/s/agent/a",
  ]);
  expect(scopesOfUsage({ agent: "a" })).toHaveLength(2);
});

test.each(["tenant", "agent/a", "tool/stripe%2Fx", "prompt/p-1", "prompt/p-1/agent/a", "session/s"])("%s is a scope", (scope) => {
  expect(scopePattern.test(scope)).toBe(true);
});

test.each(["", "tenant/x", "agent/A", "agent/", "prompt/a/b", "agent/*", "other/x", "tool/a b"])("%j is none", (scope) => {
  expect(scopePattern.test(scope)).toBe(false);
});
