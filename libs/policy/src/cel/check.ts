import { suggestion } from "../language/suggest.ts";
import { type Checked, from, type Report, Unreadable } from "./checked.ts";
import type { Term, Variable } from "./expression.ts";
import { checkCall, mustBeJson, tooLarge } from "./operators.ts";
import { any, called, maybe, type Shape, variables } from "./shape.ts";
import type { Syntax } from "./syntax.ts";

type Node = Syntax["expr"];

/** The most terms of one expression. */
const maxTerms = 200;
const maxLoops = 2;

/** Checks the parser's tree and lowers it. Faults of independent parts are all reported; `undefined` when there is one. */
export function checkSyntax({ expr, sourceInfo }: Syntax, report: Report): Checked | undefined {
  let faulty = false;
  const checker = new Checker(sourceInfo, (offset, message, hint) => {
    faulty = true;
    report(offset, message, hint);
  });
  try {
    const checked = checker.check(expr, new Map());
    return faulty ? undefined : checked;
  } catch (caught) {
    if (caught instanceof Unreadable) return undefined;
    throw caught;
  }
}

/** The elements that enclosing `exists` and `all` name. */
type Scope = ReadonlyMap<string, Checked>;

class Checker {
  readonly #info: Syntax["sourceInfo"];
  readonly #report: Report;
  #terms = 0;

  constructor(info: Syntax["sourceInfo"], report: Report) {
    this.#info = info;
    this.#report = report;
  }

  check(node: Node | undefined, scope: Scope): Checked {
    if (node === undefined) throw new Unreadable();
    const at = this.#at(node);
    this.#terms++;
    if (this.#terms > maxTerms) this.#fail(at, `the expression has more than ${maxTerms} terms`, "say it in less, or in several actions");
    const { exprKind } = node;
    switch (exprKind.case) {
      case "constExpr":
        return this.#constant(at, exprKind.value);
      case "identExpr":
        return this.#name(at, exprKind.value.name, scope);
      case "selectExpr":
        return exprKind.value.testOnly ? this.#has(at, exprKind.value, scope) : this.#select(at, exprKind.value, scope);
      case "listExpr":
        return this.#list(at, exprKind.value.elements, scope);
      case "callExpr":
        return this.#call(at, exprKind.value, scope);
      case "comprehensionExpr":
        return this.#loop(node, at, scope);
      default:
        return this.#fail(at, "maps are not written in expressions", "compare the members one by one");
    }
  }

  #constant(at: number, { constantKind }: { constantKind: { case?: string | undefined; value?: unknown } }): Checked {
    const literal = (value: string | number | boolean | null, kind: Shape["kind"]): Checked => from([], { op: "literal", at, value }, kind);
    switch (constantKind.case) {
      case "boolValue":
        return literal(constantKind.value as boolean, "boolean");
      case "stringValue":
        return literal(constantKind.value as string, "string");
      case "nullValue":
        return literal(null, "null");
      case "int64Value":
      case "uint64Value": {
        const value = Number(constantKind.value);
        if (Number.isSafeInteger(value)) return literal(value === 0 ? 0 : value, "number");
        return this.#fail(at, "the number cannot be kept exactly", `stay within ±${Number.MAX_SAFE_INTEGER}, or write it with an exponent`);
      }
      case "doubleValue": {
        const value = constantKind.value as number;
        if (Number.isFinite(value)) return literal(value === 0 ? 0 : value, "number");
        return this.#fail(at, "the number is too large", "write less than 1.8e308");
      }
      default:
        return this.#fail(at, "bytes are not part of the language", "write text without the b");
    }
  }

  #name(at: number, name: string, scope: Scope): Checked {
    const element = scope.get(name);
    if (element !== undefined) return { ...element, term: { op: "element", at, name }, at };
    if (!Object.hasOwn(variables, name)) {
      return this.#fail(at, `"${name}" is not known here`, suggestion(name, [...scope.keys(), ...Object.keys(variables)]));
    }
    const variable = name as Variable;
    return { ...from([], { op: "variable", at, name: variable }, "any"), shape: variables[variable], large: variable === "args" };
  }

  #select(at: number, { operand, field }: { operand?: Node | undefined; field: string }, scope: Scope): Checked {
    const of = this.check(operand, scope);
    return { ...of, term: { op: "select", at, of: of.term, field }, shape: this.#member(of, at, field), at };
  }

  #member(of: Checked, at: number, field: string): Shape {
    const { kind, fields } = of.shape;
    if (!maybe(kind, "map"))
      return this.#fail(at, `${called[kind]} has no member "${field}"`, "only maps have members; a list has numbered items, from 0");
    if (fields === undefined) return any;
    if (Object.hasOwn(fields, field)) return fields[field]!;
    return this.#fail(at, `"${field}" is no member of this`, suggestion(field, Object.keys(fields)));
  }

  #has(at: number, { operand, field }: { operand?: Node | undefined; field: string }, scope: Scope): Checked {
    const of = this.check(operand, scope);
    this.#member(of, at, field);
    return from([of], { op: "call", at, name: "has", args: [of.term, { op: "literal", at, value: field }] }, "boolean");
  }

  #list(at: number, elements: readonly Node[], scope: Scope): Checked {
    const items = this.#each(elements, scope);
    for (const item of items) mustBeJson(item, (...fault) => this.#fail(...fault));
    const bound = items.some((item) => item.bound);
    const large = items.some((item) => item.large);
    if (bound && large) tooLarge("a list", (...fault) => this.#fail(...fault), at);
    const [first] = items;
    const alike = first !== undefined && items.every(({ shape }) => shape.kind === first.shape.kind);
    return {
      term: { op: "list", at, items: items.map(({ term }) => term) },
      shape: alike ? { kind: "list", items: { kind: first.shape.kind } } : { kind: "list" },
      at,
      rounded: items.some(({ rounded }) => rounded),
      // A list that is written out is short; its items may not be.
      large: false,
      bound,
    };
  }

  #call(
    at: number,
    { function: name, target, args }: { function: string; target?: Node | undefined; args: readonly Node[] },
    scope: Scope,
  ): Checked {
    if (name === "_[_]") return this.#index(at, args, scope);
    if (name === "has") return this.#fail(at, "has asks for one member", "write has(args.name)");
    if (target !== undefined && (name === "exists" || name === "all")) {
      return this.#fail(at, `"${name}" names an element and tests it`, `write args.list.${name}(x, x > 0)`);
    }
    const unsupported = name.startsWith("_") || name.startsWith("@") || name.startsWith("!") || name.startsWith("-") ? undefined : name;
    const parts = this.#each(target === undefined ? args : [target, ...args], scope);
    const checked = checkCall(name, at, parts, target !== undefined, (...fault) => this.#report(...fault));
    if (unsupported !== undefined && checked.bound && name === "size" && parts[0]?.large === true) {
      return tooLarge('"size"', (...fault) => this.#fail(...fault), at);
    }
    return checked;
  }

  #index(at: number, args: readonly Node[], scope: Scope): Checked {
    const [of, key] = this.#each(args, scope) as [Checked, Checked];
    if (!maybe(of.shape.kind, "list", "map")) this.#fail(at, `${called[of.shape.kind]} has no items`, "only lists and maps have items");
    if (!maybe(key.shape.kind, "number", "string"))
      this.#fail(key.at, `${called[key.shape.kind]} names no item`, "write a number from 0, or a name in quotes");
    if (of.shape.kind === "list" && key.shape.kind === "string") this.#fail(key.at, "a list's items have numbers", "write a number from 0");
    if (of.shape.kind === "map" && key.shape.kind === "number") this.#fail(key.at, "a map's members have names", "write a name in quotes");
    if (key.bound && of.large) tooLarge("an index", (...fault) => this.#fail(...fault), at);
    const literal = key.term.op === "literal" && typeof key.term.value === "string" ? key.term.value : undefined;
    const shape = literal !== undefined && of.shape.kind === "map" ? this.#member(of, key.at, literal) : (of.shape.items ?? any);
    return { ...of, term: { op: "index", at, of: of.term, key: key.term }, shape, at, bound: of.bound || key.bound };
  }

  #loop(node: Node, at: number, scope: Scope): Checked {
    const macro = this.#info?.macroCalls[String(node.id)];
    const call = macro?.exprKind.case === "callExpr" ? macro.exprKind.value : undefined;
    const { exprKind } = node;
    if (exprKind.case !== "comprehensionExpr" || call === undefined) return this.#fail(at, "this loop is not known", "use exists or all");
    const { function: name } = call;
    if (name !== "exists" && name !== "all") {
      return this.#fail(at, `"${name}" is no function`, "only exists and all go through a list");
    }
    const { iterRange, iterVar, loopStep } = exprKind.value;
    const over = this.check(iterRange, scope);
    if (!maybe(over.shape.kind, "list", "map")) {
      this.#fail(
        over.at,
        `"${name}" goes through ${called[over.shape.kind]}`,
        "only lists and the names of a map's members can be gone through",
      );
    }
    if (scope.has(iterVar) || Object.hasOwn(variables, iterVar)) this.#fail(at, `"${iterVar}" is taken`, "give the element another name");
    if (scope.size >= maxLoops) this.#fail(at, `exists and all are nested more than ${maxLoops} deep`, "make it simpler");
    if (scope.size > 0 && over.term.op !== "list" && !over.bound) tooLarge(`"${name}"`, (...fault) => this.#fail(...fault), at);
    const items = over.shape.kind === "map" ? { kind: "string" as const } : (over.shape.items ?? any);
    const element: Checked = { term: over.term, shape: items, at, rounded: over.rounded, large: false, bound: true };
    const step = loopStep?.exprKind.case === "callExpr" ? loopStep.exprKind.value.args[1] : undefined;
    const test = this.check(step, new Map([...scope, [iterVar, element]]));
    if (!maybe(test.shape.kind, "boolean"))
      this.#fail(test.at, `"${name}" tests true or false, and this is ${called[test.shape.kind]}`, "compare the element with something");
    const term: Term = { op: name, at, over: over.term, element: iterVar, test: test.term };
    // What the test is bound to beyond its own element.
    return { ...from([over], term, "boolean"), bound: over.bound || scope.size > 0 };
  }

  /** Checks every part before giving up on the whole, so that one run tells of them all. */
  #each(nodes: readonly Node[], scope: Scope): Checked[] {
    const parts: Checked[] = [];
    let unreadable: Unreadable | undefined;
    for (const node of nodes) {
      try {
        parts.push(this.check(node, scope));
      } catch (caught) {
        if (!(caught instanceof Unreadable)) throw caught;
        unreadable = caught;
        if (this.#terms > maxTerms) break;
      }
    }
    if (unreadable !== undefined) throw unreadable;
    return parts;
  }

  #at(node: Node): number {
    return this.#info?.positions[String(node.id)] ?? 0;
  }

  #fail(offset: number, message: string, hint: string): never {
    this.#report(offset, message, hint);
    throw new Unreadable();
  }
}
