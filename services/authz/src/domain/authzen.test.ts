import { parseIJson } from "@aegis/canonical/ijson";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readEvaluation, readEvaluations, readInput, refuseNames } from "./authzen.ts";

const whole = {
  subject: { type: "agent", id: "a", properties: { role: "admin" } },
  resource: { type: "tool", id: "t", properties: { status: "open" } },
  action: { name: "x", properties: { amount: 5 } },
};
const read = (change: object) => readEvaluation(parseIJson(JSON.stringify({ ...whole, ...change })));

test("an evaluation is a call; what is said of the subject beside its name is not believed", () => {
  const context = { session_id: "s", override_token: "o", dry_run: true, destination: { url: "https://x/", method: "GET" } };
  expect(read({ context })).toEqual({
    ...{ tool: "t", action: "x", overrideToken: "o", dryRun: true },
    arguments: parseIJson('{"amount":5,"resource":{"status":"open"}}'),
    destination: { url: "https://x/", method: "GET" },
    context: { sessionId: "s", promptId: "", purpose: "", fingerprint: "" },
  });
});

test.each([
  { subject: null },
  { subject: [] },
  { subject: { type: "agent" } },
  { subject: { id: "a" } },
  { subject: { type: "agent", id: 1 } },
  { action: { name: "" } },
  { action: "x" },
  { action: { name: "x", properties: [1] } },
  { resource: { type: "", id: "t" } },
  { context: [] },
  { context: { arguments: "x" } },
  { context: { arguments: { amount: 1 } } },
  { context: { dry_run: "true" } },
  { context: { session_id: 1 } },
  { context: { destination: "https://x/" } },
  { context: { approval: "an-id" } },
  { context: { approval: { id: 1 } } },
  { resource: { type: "tool", id: "t", properties: 1 } },
  { action: { name: "x", properties: { resource: 1 } } },
  { subject: { type: "agent", id: "a", properties: [] } },
])("%j is refused", (change) => {
  expect(() => read(change)).toThrow(expect.objectContaining({ code: "invalid_argument" }));
});

test("an evaluation of a batch says what it does not take from the whole, and no more", () => {
  const { subject, action } = whole;
  const resource = { type: "tool", id: "u" };
  const batch = readEvaluations(parseIJson(JSON.stringify({ ...whole, evaluations: [{}, { resource }] })));
  expect([batch.semantic, batch.evaluations?.map((one) => readEvaluation(one).tool)]).toEqual(["execute_all", ["t", "u"]]);
  expect(JSON.parse(JSON.stringify(batch.evaluations?.[1]))).toEqual({ subject, action, resource });
});

test("whatever comes is read or refused by name", () => {
  fc.assert(
    fc.property(fc.json(), fc.json(), fc.json(), (subject, action, context) => {
      const request = parseIJson(
        `{"subject":${subject},"action":${action},"resource":{"type":"t","id":"t"},"context":${context},"input":${action}}`,
      );
      for (const reader of [readEvaluation, readInput, readEvaluations]) {
        try {
          reader(request);
        } catch (error) {
          expect(error).toMatchObject({ code: "invalid_argument" });
        }
      }
    }),
    { numRuns: 300 },
  );
});

test("a resource whose id is no tool's name is asked about by its type", () => {
  const asked = read({ resource: { type: "user", id: "beth@example.com", properties: { id: "other" } } });
  expect([asked.tool, JSON.parse(JSON.stringify(asked.arguments)), refuseNames(asked)]).toEqual([
    "user",
    { amount: 5, resource: { id: "beth@example.com" } },
    undefined,
  ]);
});

test("names that no tool and no action can have are denied and not an error", () => {
  expect(refuseNames(read({ resource: { type: "a person", id: "beth@example.com" } }))?.code).toBe("tool_not_allowed");
  expect(refuseNames(read({ action: { name: "do it" } }))?.code).toBe("action_not_allowed");
});
