import type { JsonObject, JsonValue } from "@aegis/canonical/ijson";
import type { Environment, Expression, Term } from "./expression.ts";
import { applied } from "./operations.ts";
import { Failure, type Value } from "./values.ts";

export type Outcome =
  | { readonly ok: true; readonly value: JsonValue }
  /** `message` names the place, and never holds what the call holds. */
  | { readonly ok: false; readonly message: string; readonly at: number };

/** One evaluation: the variables, the elements of the loops around, and what is the same for each element. */
interface Frame {
  readonly environment: JsonObject;
  readonly elements: Map<string, JsonValue>;
  readonly kept: (Value | undefined)[];
}

type Evaluate = (frame: Frame) => Value;

/**
 * Prepares an expression once: its patterns are compiled and its terms are closures. Evaluation is pure and takes time linear in the
 * arguments: the checker lets nothing within `exists` and `all` go through them again, and what does not depend on the element is computed
 * once.
 */
export function prepareExpression({ text, root }: Expression): (environment: Environment) => Outcome {
  const preparation: Preparation = { kept: 0 };
  const evaluate = prepared(root, preparation, false);
  return (environment) => {
    const kept = new Array<Value | undefined>(preparation.kept).fill(undefined);
    const value = evaluate({ environment: environment as unknown as JsonObject, elements: new Map(), kept });
    if (!(value instanceof Failure)) return { ok: true, value };
    return { ok: false, message: `${value.message} (${position(text, value.at)})`, at: value.at };
  };
}

function position(text: string, at: number): string {
  const before = text.slice(0, at).split("\n");
  const column = `character ${Array.from(before.at(-1) ?? "").length + 1}`;
  return before.length === 1 ? column : `line ${before.length}, ${column}`;
}

interface Preparation {
  /** How many values are kept for the length of one evaluation. */
  kept: number;
}

/** `within`: this is evaluated for each element of a list. */
function prepared(term: Term, preparation: Preparation, within: boolean): Evaluate {
  if (within && isWork(term) && !isBound(term)) {
    const evaluate = prepared(term, preparation, false);
    const slot = preparation.kept++;
    return (frame) => {
      const value = frame.kept[slot] ?? evaluate(frame);
      frame.kept[slot] = value;
      return value;
    };
  }
  switch (term.op) {
    case "literal": {
      const { value } = term;
      return () => value;
    }
    case "variable": {
      const { name } = term;
      return ({ environment }) => environment[name] as JsonValue;
    }
    case "element": {
      const { name } = term;
      return ({ elements }) => elements.get(name) as JsonValue;
    }
    case "list":
      return prepareList(term.items.map((item) => prepared(item, preparation, within)));
    case "select":
      return prepareSelect(term.at, prepared(term.of, preparation, within), term.field);
    case "index":
      return prepareIndex(term.at, prepared(term.of, preparation, within), prepared(term.key, preparation, within));
    case "exists":
    case "all":
      return prepareLoop(term, prepared(term.over, preparation, within), prepared(term.test, preparation, true));
    case "call":
      return prepareCall(term, (argument) => prepared(argument, preparation, within));
  }
}

const isWork = ({ op }: Term): boolean => op === "call" || op === "list" || op === "exists" || op === "all";

/** Whether a term speaks of the element of a loop around it. Its own loops' elements count too: what they compute is kept one level down. */
function isBound(term: Term): boolean {
  switch (term.op) {
    case "element":
      return true;
    case "list":
      return term.items.some(isBound);
    case "select":
      return isBound(term.of);
    case "index":
      return isBound(term.of) || isBound(term.key);
    case "call":
      return term.args.some(isBound);
    case "exists":
    case "all":
      return isBound(term.over) || isBound(term.test);
    default:
      return false;
  }
}

function prepareList(items: readonly Evaluate[]): Evaluate {
  return (frame) => {
    const values: JsonValue[] = [];
    for (const item of items) {
      const value = item(frame);
      if (value instanceof Failure) return value;
      values.push(value);
    }
    return values;
  };
}

function prepareSelect(at: number, of: Evaluate, field: string): Evaluate {
  const noMap = new Failure(at, `"${field}" is asked of what is no map`);
  const missing = new Failure(at, `there is no "${field}"`);
  return (frame) => {
    const value = of(frame);
    if (value instanceof Failure) return value;
    if (typeof value !== "object" || value === null || Array.isArray(value)) return noMap;
    return Object.hasOwn(value, field) ? ((value as JsonObject)[field] as JsonValue) : missing;
  };
}

function prepareIndex(at: number, of: Evaluate, key: Evaluate): Evaluate {
  const none = new Failure(at, "only lists and maps have items");
  const missing = new Failure(at, "there is no such item");
  return (frame) => {
    const value = of(frame);
    if (value instanceof Failure) return value;
    const name = key(frame);
    if (name instanceof Failure) return name;
    if (Array.isArray(value)) {
      return typeof name === "number" && Number.isInteger(name) && name >= 0 && name < value.length ? (value[name] as JsonValue) : missing;
    }
    if (typeof value !== "object" || value === null) return none;
    return typeof name === "string" && Object.hasOwn(value, name) ? ((value as JsonObject)[name] as JsonValue) : missing;
  };
}

/** `exists` is settled by one true, `all` by one false, whatever fails beside it; else a failure is the whole's, the first in the text. */
function prepareLoop({ op, at, element }: Term & { op: "exists" | "all" }, over: Evaluate, test: Evaluate): Evaluate {
  const none = new Failure(at, `${op} is asked of what is neither list nor map`);
  const settling = op === "exists";
  return (frame) => {
    const value = over(frame);
    if (value instanceof Failure) return value;
    if (typeof value !== "object" || value === null) return none;
    let failed: Failure | undefined;
    for (const item of Array.isArray(value) ? value : Object.keys(value)) {
      frame.elements.set(element, item as JsonValue);
      const told = truth(test(frame), at);
      if (told === settling) return settling;
      if (told instanceof Failure && (failed === undefined || told.at < failed.at)) failed = told;
    }
    return failed ?? !settling;
  };
}

function truth(value: Value, at: number): boolean | Failure {
  return typeof value === "boolean" || value instanceof Failure ? value : new Failure(at, "this is neither true nor false");
}

function prepareCall(term: Term & { op: "call" }, prepare: (argument: Term) => Evaluate): Evaluate {
  const { name, at, args } = term;
  const parts = args.map(prepare);
  const [a, b, c] = parts as [Evaluate, Evaluate, Evaluate];
  if (name === "_&&_" || name === "_||_") {
    const settling = name === "_||_";
    return (frame) => {
      const left = truth(a(frame), at);
      if (left === settling) return settling;
      const right = truth(b(frame), at);
      if (right === settling) return settling;
      return left instanceof Failure ? left : right;
    };
  }
  if (name === "_?_:_") {
    return (frame) => {
      const which = truth(a(frame), at);
      return which instanceof Failure ? which : which ? b(frame) : c(frame);
    };
  }
  const last = args.at(-1);
  const apply = applied(name, at, last?.op === "literal" ? last.value : undefined);
  return (frame) => {
    const values: JsonValue[] = [];
    for (const part of parts) {
      const value = part(frame);
      if (value instanceof Failure) return value;
      values.push(value);
    }
    return apply(values);
  };
}
