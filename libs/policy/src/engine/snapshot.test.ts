import type { JsonObject } from "@aegis/canonical/ijson";
import { decisions, reasonCodes } from "@aegis/contracts/reasons";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decisionVectors } from "../../test/vectors.ts";
import type { EvaluationInput } from "../input.ts";
import { limitFor, limitsOf } from "./limits.ts";
import { prepare } from "./snapshot.ts";

const vectors = decisionVectors().map(({ policies, cases }) => ({
  snapshot: prepare({ tenant: "acme", revision: 1, version: "1-0", digest: "sha256:0", policies }),
  inputs: cases.map(({ input }) => input),
}));

const anyCall = fc.constantFrom(...vectors).chain(({ snapshot, inputs }) =>
  fc
    .tuple(
      fc.constantFrom(...inputs),
      fc.record(
        {
          arguments: fc.dictionary(
            fc.oneof(fc.constantFrom("amount", "count", "__proto__"), fc.string()),
            fc.jsonValue(),
          ) as fc.Arbitrary<JsonObject>,
          destination: fc.record({ url: fc.oneof(fc.webUrl(), fc.string()) }),
          tool: fc.constantFrom("mail", "__proto__", "constructor", "toString"),
          action: fc.constantFrom("send", "__proto__", "hasOwnProperty"),
          estimate: fc.record({ microUsd: fc.double(), tokens: fc.double() }),
        },
        { requiredKeys: [] },
      ),
    )
    .map(([input, change]) => ({ snapshot, input: { ...input, ...change } as EvaluationInput })),
);

describe("a snapshot", () => {
  test("decides every call, with reasons for whatever is not allowed", () => {
    fc.assert(
      fc.property(anyCall, ({ snapshot, input }) => {
        const verdict = snapshot.evaluate(input);
        expect(decisions).toContain(verdict.decision);
        // Where drift is only flagged, the reason changes no decision.
        const deciding = verdict.decision === "allow" ? verdict.reasons.filter(({ code }) => code !== "drift_detected") : verdict.reasons;
        expect(deciding.length === 0).toBe(verdict.decision === "allow");
        for (const { code } of verdict.reasons) expect(reasonCodes).toContain(code);
        expect(verdict.overridable).toBe(verdict.decision === "approval_needed");
        expect(verdict.approval !== undefined).toBe(verdict.overridable);
        if (verdict.decision === "deny") expect(verdict.charges).toEqual([]);
        for (const { units } of verdict.charges) expect(Number.isSafeInteger(units) && units >= 0).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test("is not moved by a polluted prototype", () => {
    const { snapshot, inputs } = vectors[1]!;
    const input = { ...inputs[0]!, arguments: {}, tool: "polluted" };
    const polluted = Object.prototype as unknown as Record<string, unknown>;
    try {
      polluted.polluted = { actions: new Map() };
      polluted.amount = 1;
      expect(snapshot.evaluate(input).decision).toBe("deny");
      expect(snapshot.evaluate({ ...inputs[0]!, arguments: {} }).reasons.map(({ code }) => code)).toEqual(["parameter_missing"]);
    } finally {
      delete polluted.polluted;
      delete polluted.amount;
    }
  });

  test("asks only for the detectors that its rules use", () => {
    const dlp = decisionVectors().find(({ name }) => name === "dlp.yaml")!;
    const snapshot = prepare({ tenant: "acme", revision: 1, version: "1-0", digest: "sha256:0", policies: dlp.policies });
    expect([...snapshot.detectors("mail-agent").names].sort()).toEqual(["credit_card", "email", "secret", "us_ssn"]);
    expect(snapshot.detectors("mail-other").names).toEqual(["email"]);
    expect(snapshot.detectors("nobody").names).toEqual([]);
  });
});

describe("limits", () => {
  const { policies } = decisionVectors().find(({ name }) => name === "budgets.yaml")!;

  test("the lowest of those that match an account holds, and shadow's bind nobody", () => {
    expect(limitFor(policies, { scope: "agent/spend-one", unit: "actions", window: "day" })).toBe(50);
    expect(limitFor(policies, { scope: "agent/spend-one", unit: "micro_usd", window: "day" })).toBe(20_250_000);
    expect(limitFor(policies, { scope: "tenant", unit: "micro_usd", window: "day" })).toBe(5_000_000_000);
    expect(limitFor(policies, { scope: "tool/gpu%2Ffarm", unit: "actions", window: "day" })).toBe(10);
    expect(limitFor(policies, { scope: "prompt/p/agent/spend-two", unit: "tokens", window: "prompt" })).toBe(1000);
    expect(limitFor(policies, { scope: "prompt/p/agent/trial-two", unit: "actions", window: "prompt" })).toBeUndefined();
    expect(limitFor(policies, { scope: "agent/other", unit: "actions", window: "day" })).toBeUndefined();
    expect(new Set(limitsOf(policies).map(({ timeZone }) => timeZone))).toEqual(new Set(["Europe/Zurich"]));
  });

  test("every charge of an allowed call has a limit", () => {
    fc.assert(
      fc.property(anyCall, ({ snapshot, input }) => {
        const of = vectors.findIndex((vector) => vector.snapshot === snapshot);
        const set = decisionVectorsOnce[of]!.policies;
        for (const charge of snapshot.evaluate(input).charges) expect(limitFor(set, charge)).toBeDefined();
      }),
      { numRuns: 500 },
    );
  });
});

const decisionVectorsOnce = decisionVectors();
