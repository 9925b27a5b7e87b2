import { expect, test } from "vitest";
import vectors from "../../../vectors/tokens/details.json" with { type: "json" };
import { maxDetailsLength, parseDetails, readDetails } from "./authorization-details.ts";
import type { AuthorizationDetail } from "./claims.ts";
import { refuseDetailed, refuseUnread } from "./details-permit.ts";
import { outsideParent, outsideScope } from "./details-within.ts";

const callsOf = (details: readonly unknown[]) => {
  const read = readDetails(details);
  if (!read.ok) throw new Error(read.why);
  return read.calls;
};

test.each(vectors.accepted)("understands $name", ({ details }) => {
  expect(parseDetails(JSON.stringify(details))).toEqual({ ok: true, details });
});

test.each(vectors.refused)("does not understand $name", ({ details }) => {
  expect(parseDetails(JSON.stringify(details))).toMatchObject({ ok: false, why: expect.stringMatching(/./) });
});

test.each(vectors.calls)("$name: permitted $permitted", ({ details, call, permitted, pointer }) => {
  const reason = refuseDetailed({ authorization_details: details }, { ...call, arguments: call.arguments as never });
  if (permitted) expect(reason).toBeUndefined();
  else expect(reason).toEqual({ code: "authorization_details_exceeded", message: expect.any(String), ...(pointer && { pointer }) });
});

test.each(vectors.narrowing)("$name: within $within", ({ parent, child, within }) => {
  expect(outsideParent(callsOf(parent), callsOf(child)).length === 0).toBe(within);
});

test.each([
  ["a member twice", '[{"type":"aegis_tool_call","identifier":"pay","identifier":"mail"}]'],
  ["an object", '{"type":"aegis_tool_call","identifier":"pay"}'],
  ["no JSON", "[{"],
  ["something after it", '[{"type":"aegis_tool_call","identifier":"pay"}] []'],
  ["a parameter that no record holds", '[{"type":"aegis_tool_call","identifier":"pay","parameters":{"__proto__":{"max":1}}}]'],
  ["a member that no record holds", '[{"type":"aegis_tool_call","identifier":"pay","__proto__":{"max":1}}]'],
  ["a number beyond doubles", '[{"type":"aegis_tool_call","identifier":"pay","parameters":{"a":{"max":1e999}}}]'],
  ["deep nesting", `${"[".repeat(40)}${"]".repeat(40)}`],
  ["more than it may be long", JSON.stringify([{ type: "aegis_tool_call", identifier: "pay" }]) + " ".repeat(maxDetailsLength)],
])("does not understand %s", (_, text) => {
  expect(parseDetails(text).ok).toBe(false);
});

test("a token with details that are not understood is good for nothing, one without any is good for its scope", () => {
  const unknown = [{ type: "aegis_tool_call", identifier: "pay" }, { type: "newer" }] as AuthorizationDetail[];
  const call = { tool: "pay", action: "send", arguments: {} };
  expect(refuseDetailed({ authorization_details: unknown }, call)).toMatchObject({ code: "authorization_details_exceeded" });
  expect(refuseUnread({ authorization_details: unknown })).toMatchObject({ code: "authorization_details_exceeded" });
  expect([refuseDetailed({}, call), refuseUnread({})]).toEqual([undefined, undefined]);
});

test("asked without arguments, the tool and the action alone count", () => {
  const details = vectors.calls[0]!.details;
  const ask = (tool: string, action: string) => refuseDetailed({ authorization_details: details }, { tool, action });
  expect(ask("pay", "send")).toBeUndefined();
  expect([ask("pay", "read"), ask("mail", "send")]).toMatchObject([{}, {}]);
});

test("details that name what the scope does not cover are outside it", () => {
  const detail = (more: object) => ({ type: "aegis_tool_call", identifier: "a:b", ...more });
  const outside = (more: object, scope: string[]) => outsideScope(callsOf([detail(more)]), scope).length > 0;
  expect(outside({ actions: ["c"] }, ["a%3Ab:c"])).toBe(false);
  expect(outside({ actions: ["c", "d"] }, ["a%3Ab:c"])).toBe(true);
  expect(outside({ actions: ["c", "d"] }, ["a%3Ab:*"])).toBe(false);
  expect(outside({}, ["a%3Ab:c"])).toBe(false);
  expect(outside({}, ["a:b", "a%3Abc:d"])).toBe(true);
});
