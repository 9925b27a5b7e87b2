import type { Expression, Term } from "../../cel/expression.ts";
import { suggestion } from "../suggest.ts";
import type { Subject } from "./subject.ts";

/** Conditions and prices that read a parameter which the action does not take: no call can have it. */
export function unknownArguments(subject: Subject): void {
  for (const { policy, rule, at } of subject.rules()) {
    if (rule.additional === "allow") continue;
    const taken = rule.parameters.map(({ name }) => name);
    const check = (expression: Expression | undefined, path: readonly (string | number)[], what: string) => {
      if (expression === undefined || !subject.spend()) return;
      const asked = new Set<string>();
      const read = new Set(argumentsOf(expression.root, asked));
      for (const name of read) {
        // Whoever asks first whether it is there knows that it may not be.
        if (taken.includes(name) || asked.has(name)) continue;
        const message = `the ${what} reads args.${name}, and the action takes no such parameter`;
        const hint = taken.length === 0 ? "add it to parameters" : suggestion(name, taken);
        subject.warn(policy, [...at, ...path], "unknown_argument", message, hint);
      }
    };
    check(rule.when?.expression, ["when"], "condition");
    check(rule.costUsd, ["cost", "usd"], "price");
  }
}

/** The arguments that an expression reads; those it only asks for by `has` go into `asked`. */
function* argumentsOf(term: Term, asked: Set<string>): Generator<string> {
  switch (term.op) {
    case "select":
      if (isArguments(term.of)) yield term.field;
      else yield* argumentsOf(term.of, asked);
      return;
    case "index":
      if (isArguments(term.of) && term.key.op === "literal") yield String(term.key.value);
      else for (const each of [term.of, term.key]) yield* argumentsOf(each, asked);
      return;
    case "list":
      for (const item of term.items) yield* argumentsOf(item, asked);
      return;
    case "call": {
      const [of, field] = term.args;
      if (term.name === "has" && of && isArguments(of) && field?.op === "literal") asked.add(String(field.value));
      else for (const argument of term.args) yield* argumentsOf(argument, asked);
      return;
    }
    case "exists":
    case "all":
      for (const each of [term.over, term.test]) yield* argumentsOf(each, asked);
  }
}

const isArguments = (term: Term): boolean => term.op === "variable" && term.name === "args";
