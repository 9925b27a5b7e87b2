import { clockParts, type Expression, type Term } from "./expression.ts";
import { regoLiteral } from "./rego-literal.ts";
import { durationRange, readZone, timestampRange } from "./time.ts";

/**
 * One expression as Rego v1: the function `name(environment)`, which answers `{"v": value}`, or `{"e": offset}` where native evaluation
 * reports an error at that offset, and functions `name_1`, `name_2`… for what `exists` and `all` test. It calls `celRego`, which stands in
 * the module once. The environment is an object with the variables of `Environment`.
 */
export function regoOf({ root }: Expression, name: string): string {
  const module = new Module(name);
  module.add(name, [], root);
  return module.functions.reverse().join("\n");
}

/** Rego has no recursion: a tree becomes one statement for each term, and one function for each loop. */
class Module {
  readonly functions: string[] = [];
  readonly #name: string;
  #loops = 0;
  #names = 0;

  constructor(name: string) {
    this.#name = name;
  }

  add(name: string, elements: readonly string[], term: Term): void {
    const body: string[] = [];
    const value = this.#told(term, elements, body);
    const parameters = ["env", ...elements.map(elementName)].join(", ");
    this.functions.push(`${name}(${parameters}) := told if {\n${[...body, `told := ${value}`].map((line) => `\t${line}\n`).join("")}}\n`);
  }

  /** What stands for the outcome of a term once `body` was evaluated. */
  #told(term: Term, elements: readonly string[], body: string[]): string {
    const told = (part: Term): string => this.#told(part, elements, body);
    const call = (name: string, ...args: readonly (string | number)[]): string => {
      this.#names++;
      body.push(`t${this.#names} := ${name}(${args.join(", ")})`);
      return `t${this.#names}`;
    };
    const { at } = term;
    switch (term.op) {
      case "literal":
        return `{"v": ${regoLiteral(term.value)}}`;
      case "variable":
        return `{"v": env.${term.name}}`;
      case "element":
        return elementName(term.name);
      case "list":
        return call("cel_list", `[${term.items.map(told).join(", ")}]`);
      case "select":
        return call("cel_select", at, told(term.of), regoLiteral(term.field));
      case "index":
        return call("cel_index", at, told(term.of), told(term.key));
      case "exists":
      case "all": {
        const name = `${this.#name}_${++this.#loops}`;
        this.add(name, [...elements, term.element], {
          op: "call",
          at,
          name: "_||_",
          args: [{ op: "literal", at, value: false }, term.test],
        });
        const over = told(term.over);
        const tests = `[${name}(${["env", ...elements.map(elementName), "each"].join(", ")}) | some each in cel_items(${over})]`;
        return call("cel_loop", at, over, tests, `{"v": ${term.op === "exists"}}`);
      }
      case "call":
        return this.#call(term, told, call);
    }
  }

  #call(
    { name, at, args }: Term & { op: "call" },
    told: (term: Term) => string,
    call: (name: string, ...args: readonly (string | number)[]) => string,
  ): string {
    const [a, b] = args.map(told) as [string, string];
    const truth = (outcome: string): string => call("cel_boolean", at, outcome);
    const last = args.at(-1)?.op === "literal" ? (args.at(-1) as Term & { op: "literal" }).value : null;
    switch (name) {
      case "condition":
        return truth(a);
      case "cost":
        return call("cel_cost", at, a);
      case "!_":
        return call("cel_not", at, a);
      case "-_":
        return call("cel_minus", at, a);
      case "_&&_":
        return call("cel_and", truth(a), truth(b));
      case "_||_":
        return call("cel_or", truth(a), truth(b));
      case "_?_:_":
        return call("cel_if", truth(a), b, told(args[2] as Term));
      case "_==_":
      case "_!=_":
        return call("cel_equal", at, a, b, String(name === "_==_"));
      case "_<_":
      case "_<=_":
      case "_>_":
      case "_>=_":
        return call("cel_order", at, regoLiteral(name), a, b);
      case "_+_":
        return call("cel_plus", at, a, b);
      case "_-_":
      case "_*_":
      case "_/_":
      case "_%_":
        return call("cel_number", at, regoLiteral(name), a, b);
      case "@in":
        return call("cel_in", at, a, b);
      case "size":
        return call("cel_size", at, a);
      case "startsWith":
      case "endsWith":
      case "contains":
        return call("cel_text", at, regoLiteral(name), a, b);
      case "matches":
        return call("cel_matches", at, a, regoLiteral(last));
      case "has":
        return call("cel_has", at, a, regoLiteral(last));
      case "timestamp":
        return call("cel_timestamp", at, a, timestampRange.least, timestampRange.most);
      case "timestamp+":
      case "timestamp-":
        return call("cel_shift", at, regoLiteral(name.slice(-1)), a, b, timestampRange.least, timestampRange.most);
      case "duration+":
      case "duration-": {
        const [left, right] = b === undefined ? ['{"v": 0}', a] : [a, b];
        return call("cel_shift", at, regoLiteral(name.slice(-1)), left, right, durationRange.least, durationRange.most);
      }
    }
    const part = clockParts.find((each) => each === name);
    if (part === undefined) throw new TypeError(`no operation ${name}`);
    const zone = readZone(last as string);
    const [ahead, place] = typeof zone === "string" ? [0, zone] : [zone ?? 0, "UTC"];
    return call("cel_clock", at, regoLiteral(part), a, ahead, regoLiteral(place));
  }
}

const elementName = (name: string): string => `element_${name}`;
