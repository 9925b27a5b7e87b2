import { expect, test } from "vitest";
import type { Environment } from "./expression.ts";
import { parseExpression } from "./parse.ts";
import { prepareExpression } from "./prepare.ts";

const faultsOf = (text: string, want: "condition" | "cost" = "condition") => {
  const parsed = parseExpression(text, want);
  return parsed.ok ? [] : parsed.faults.map(({ offset, length, message }) => [text.slice(offset, offset + length), message]);
};

const evaluate = (text: string, args: Environment["args"] = {}) => {
  const parsed = parseExpression(text, "condition");
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  const agent = { name: "a", tenant: "acme", subject: "a", depth: 0, chain: ["a"] };
  return prepareExpression(parsed.expression)({ args, dest: {}, agent, context: {}, session: { labels: [], calls: [] }, now: 0 });
};

test.each([
  ["args.x ==== 2", "=="],
  ["a && && b", "&&"],
  ["args.x = 2", "="],
  ["args.a and args.b", "and"],
  ["(args.a || args.b", ""],
  ['"open', '"'],
  [String.raw`args.a.matches("\d")`, String.raw`\d`],
  ["args.a ? (args.b ? true) : false", ")"],
  ["!!args.a", "!"],
  ["context.purpos == 'x'", "purpos"],
  ["agnt.name == 'x'", "agnt"],
  ["siz(args.a) > 1", "siz"],
  ["'a' < 1", "<"],
  ["1 + 1", "+"],
  ["args.a + 1 == 2", "=="],
  ["(args.b ? args.a * 2 : 1) == 2", "=="],
  ["[args.a * 2].exists(x, x == 2)", "=="],
  ["args.a - 1 in [1, 2]", "in"],
  ["[args.a * 2] == args.l", "=="],
  ["args.a.matches(args.b)", "b"],
  ["args.a.matches('(?=x)')", "'(?=x)'"],
  ["args.a.exists(x, args.b.exists(y, x == y))", "exists"],
  ["args.a.exists(x, x in args.b)", "b"],
  ["now.getHours('europe/zurich') > 1", "'europe/zurich'"],
  ["args.a > 9007199254740993", "9007199254740993"],
  ["now == 5", "=="],
])("%s is wrong at %s", (text, at) => {
  const [[where] = []] = faultsOf(text);
  expect(where).toBe(at);
});

test("every fault of an expression is told at once, in order, with what was meant", () => {
  const parsed = parseExpression('agnt.name == "x" && contex.purpose == 1 && args.a < true', "condition");
  expect(parsed.ok ? [] : parsed.faults.map(({ hint }) => hint)).toEqual([
    'did you mean "agent"?',
    'did you mean "context"?',
    expect.stringContaining("compare"),
  ]);
});

test("a condition is true or false, a cost is a number", () => {
  expect(faultsOf("args.a * 2")).toHaveLength(1);
  expect(faultsOf("args.a > 2", "cost")).toHaveLength(1);
  expect(faultsOf("args.a * 0.029 + 0.30", "cost")).toEqual([]);
  expect(evaluate("args.a", { a: 7 })).toMatchObject({ ok: false, at: 4 });
});

test("what is too long, too deep or too large is refused, and quickly", () => {
  expect(faultsOf(`args.a == "${"x".repeat(4096)}"`)[0]?.[1]).toMatch(/4096 bytes/);
  expect(faultsOf(`${"(".repeat(33)}true${")".repeat(33)}`)[0]?.[1]).toMatch(/32 deep/);
  expect(faultsOf(Array.from({ length: 150 }, () => "args.a").join(" && "))[0]?.[1]).toMatch(/200 terms/);
  for (const sign of ["!-", "-!", "[", "a.", "a?", "a+"]) expect(faultsOf(sign.repeat(1500))).not.toEqual([]);
});

test("an error beside what settles the matter is nothing, on either side; else the place is told, and no value", () => {
  for (const text of ["args.x > 1 || true", "true || args.x > 1", "[1, 2].exists(x, x == 2 || args.x)"]) {
    expect(evaluate(text)).toEqual({ ok: true, value: true });
  }
  for (const text of ["args.x > 1 && false", "false && args.x > 1", "[1].all(x, x > 1 && args.x)"]) {
    expect(evaluate(text)).toEqual({ ok: true, value: false });
  }
  const told = evaluate('args.secret == "hunter2" && args.n > 0', { secret: 5, n: 1 });
  expect(told).toMatchObject({ ok: false, at: 12, message: "values of unlike types are compared (character 13)" });
});

test("texts are ordered by code points, sized in them, and members of prototypes are not there", () => {
  expect(evaluate('args.a < "😀"', { a: "\uffff" })).toEqual({ ok: true, value: true });
  expect(evaluate("size(args.a) == 2", { a: "😀é" })).toEqual({ ok: true, value: true });
  expect(evaluate("has(args.toString) || has(args.constructor)")).toEqual({ ok: true, value: false });
  expect(evaluate('"__proto__" in args.m', { m: {} })).toEqual({ ok: true, value: false });
});
