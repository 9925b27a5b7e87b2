import { suggestion } from "../language/suggest.ts";
import { type Checked, from, type Report, Unreadable } from "./checked.ts";
import type { Operation } from "./expression.ts";
import { methods } from "./methods.ts";
import { called, type Kind, maybe } from "./shape.ts";

const signs: Readonly<Record<string, string>> = { "@in": "in", "!_": "!", "-_": "-", "_?_:_": "?:" };
const sign = (name: string): string => signs[name] ?? name.replaceAll("_", "");

const ordered: readonly Kind[] = ["number", "string", "timestamp", "duration"];

/** Checks a call of an operator, a function or a method; its receiver is the first argument. */
export function checkCall(name: string, at: number, args: readonly Checked[], method: boolean, report: Report): Checked {
  const fail = (offset: number, message: string, hint: string): never => {
    report(offset, message, hint);
    throw new Unreadable();
  };
  const call = (operation: Operation, kind: Kind, also?: Partial<Checked>): Checked => ({
    ...from(args, { op: "call", at, name: operation, args: args.map(({ term }) => term) }, kind),
    ...also,
  });
  const [a, b, c] = args as [Checked, Checked, Checked];
  const must = (value: Checked, kinds: readonly Kind[], of: string): void => {
    if (maybe(value.shape.kind, ...kinds)) return;
    fail(
      value.at,
      `${of} takes ${kinds.map((kind) => called[kind]).join(" or ")}, and this is ${called[value.shape.kind]}`,
      hintFor(value.shape.kind),
    );
  };
  switch (name) {
    case "!_":
      must(a, ["boolean"], '"!"');
      return call(name, "boolean");
    case "_&&_":
    case "_||_":
      for (const each of args) must(each, ["boolean"], `"${sign(name)}"`);
      return call(name, "boolean");
    case "_?_:_": {
      must(a, ["boolean"], '"?"');
      if (!unifies(b.shape.kind, c.shape.kind)) {
        fail(at, `"?:" gives ${called[b.shape.kind]} or ${called[c.shape.kind]}`, "give values of one type on both sides");
      }
      if (a.bound && (b.large || c.large)) return tooLarge("a choice", fail, at);
      const kind = b.shape.kind === c.shape.kind ? b.shape.kind : "any";
      return call(name, kind, { rounded: b.rounded || c.rounded, large: b.large || c.large });
    }
    case "_==_":
    case "_!=_":
      comparable(name, at, a, b, fail);
      if ((a.rounded || b.rounded) && equatable(a) && equatable(b)) inexact(at, fail);
      return call(name, "boolean");
    case "_<_":
    case "_<=_":
    case "_>_":
    case "_>=_":
      for (const each of args) must(each, ordered, `"${sign(name)}"`);
      comparable(name, at, a, b, fail);
      return call(name, "boolean");
    case "_+_":
      return plus(at, a, b, call, must, fail);
    case "_-_":
      return minus(at, a, b, call, must, fail);
    case "_*_":
    case "_/_":
    case "_%_":
      for (const each of args) must(each, ["number"], `"${sign(name)}"`);
      if (name !== "_*_" && b.term.op === "literal" && b.term.value === 0) fail(b.at, "division by zero", "divide by something else");
      // What remains of whole numbers is a whole number: exact, unless they were not.
      return call(name, "number", { rounded: name !== "_%_" || a.rounded || b.rounded });
    case "-_":
      if (a.shape.kind === "duration") return call("duration-", "duration");
      must(a, ["number"], '"-"');
      return call(name, "number", { rounded: a.rounded });
    case "@in":
      must(b, ["list", "map"], '"in"');
      mustBeJson(a, fail);
      if (b.shape.kind === "map") must(a, ["string"], '"in" a map');
      if (b.shape.items !== undefined && !unifies(a.shape.kind, b.shape.items.kind)) {
        fail(at, `${called[a.shape.kind]} is never in a list of ${called[b.shape.items.kind]}`, "compare values of one type");
      }
      if ((a.rounded || b.rounded) && equatable(a) && (b.shape.items === undefined || maybe(b.shape.items.kind, "number", "list", "map")))
        inexact(at, fail);
      if (a.bound && b.large) return tooLarge('"in"', fail, b.at);
      return call(name, "boolean");
  }
  return named(name, at, args, method, { call, must, fail });
}

interface Tools {
  readonly call: (operation: Operation, kind: Kind, also?: Partial<Checked>) => Checked;
  readonly must: (value: Checked, kinds: readonly Kind[], of: string) => void;
  readonly fail: (offset: number, message: string, hint: string) => never;
}

function named(name: string, at: number, args: readonly Checked[], method: boolean, tools: Tools): Checked {
  const known = methods[name];
  if (known === undefined) {
    const near = suggestion(name, [...Object.keys(methods), "exists", "all", "has"]);
    return tools.fail(at, `"${name}" is no function`, conversions[name] ?? near);
  }
  if (method ? known.method === false : known.function === false) {
    return tools.fail(at, `"${name}" is ${method ? "a function" : "a method"}`, `write ${known.example}`);
  }
  if (args.length < known.least || args.length > known.most) {
    return tools.fail(at, `"${name}" is given ${method ? args.length - 1 : args.length} arguments`, `write ${known.example}`);
  }
  return known.check(at, args, tools);
}

const conversions: Readonly<Record<string, string>> = {
  int: "numbers need no conversion; leave it out",
  uint: "numbers need no conversion; leave it out",
  double: "numbers need no conversion; leave it out",
  string: "compare the value as it is",
  bool: "compare the value as it is",
  type: "values of unlike types are never equal: guard with has()",
  map: "only exists and all go through a list",
  filter: "only exists and all go through a list",
  exists_one: "only exists and all go through a list",
};

const unifies = (a: Kind, b: Kind): boolean =>
  a === b || (!isTime(a) && !isTime(b) && (a === "any" || b === "any" || a === "null" || b === "null"));

const isTime = (kind: Kind): boolean => kind === "timestamp" || kind === "duration";

const equatable = ({ shape }: Checked): boolean => maybe(shape.kind, "number", "list", "map");

export function mustBeJson(value: Checked, fail: Tools["fail"]): void {
  if (isTime(value.shape.kind)) fail(value.at, `${called[value.shape.kind]} cannot stand here`, "compare it with < <= > >= or ==");
}

function comparable(name: string, at: number, a: Checked, b: Checked, fail: Tools["fail"]): void {
  if (unifies(a.shape.kind, b.shape.kind)) return;
  fail(at, `"${sign(name)}" compares ${called[a.shape.kind]} with ${called[b.shape.kind]}`, hintFor(a.shape.kind, b.shape.kind));
}

function hintFor(...kinds: readonly Kind[]): string {
  if (kinds.some(isTime)) return 'write timestamp("2030-01-31T00:00:00Z") or duration("1h30m") for times';
  if (kinds.includes("string")) return "put quotes around text, and none around numbers, true, false and null";
  return "compare values of one type";
}

function inexact(at: number, fail: Tools["fail"]): never {
  return fail(at, "a computed number is tested for equality", "compare it with <, <=, > or >=");
}

export function tooLarge(what: string, fail: Tools["fail"], at: number): never {
  return fail(at, `${what} goes through arguments once for each element`, "use the element, or a list that you write out");
}

function plus(at: number, a: Checked, b: Checked, call: Tools["call"], must: Tools["must"], fail: Tools["fail"]): Checked {
  const kinds = [a.shape.kind, b.shape.kind];
  if (kinds.some(isTime)) {
    if (kinds[0] === "duration" && kinds[1] === "duration") return call("duration+", "duration");
    if (kinds.includes("timestamp") && kinds.includes("duration")) return call("timestamp+", "timestamp");
    return fail(at, `"+" adds ${called[kinds[0]!]} and ${called[kinds[1]!]}`, "add a duration to a time or to a duration");
  }
  for (const each of [a, b]) must(each, ["number", "string"], '"+"');
  if (!unifies(a.shape.kind, b.shape.kind))
    fail(at, `"+" adds ${called[kinds[0]!]} and ${called[kinds[1]!]}`, hintFor(...(kinds as Kind[])));
  if (kinds.includes("string")) return call("_+_", "string");
  return call("_+_", kinds.includes("number") ? "number" : "any", { rounded: true });
}

function minus(at: number, a: Checked, b: Checked, call: Tools["call"], must: Tools["must"], fail: Tools["fail"]): Checked {
  const kinds = [a.shape.kind, b.shape.kind];
  if (kinds.some(isTime)) {
    if (kinds[0] === "timestamp" && kinds[1] === "timestamp") return call("duration-", "duration");
    if (kinds[0] === "timestamp" && kinds[1] === "duration") return call("timestamp-", "timestamp");
    if (kinds[0] === "duration" && kinds[1] === "duration") return call("duration-", "duration");
    return fail(
      at,
      `"-" takes ${called[kinds[1]!]} from ${called[kinds[0]!]}`,
      "take a time or a duration from a time, or a duration from a duration",
    );
  }
  for (const each of [a, b]) must(each, ["number"], '"-"');
  return call("_-_", "number", { rounded: true });
}
