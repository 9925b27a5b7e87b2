import type { Expression, Term, Variable } from "../cel/expression.ts";

/** Whether an expression speaks of a variable. */
export function mentions({ root }: Expression, variable: Variable): boolean {
  return within(root, variable);
}

function within(term: Term, variable: Variable): boolean {
  switch (term.op) {
    case "variable":
      return term.name === variable;
    case "list":
      return term.items.some((item) => within(item, variable));
    case "select":
      return within(term.of, variable);
    case "index":
      return within(term.of, variable) || within(term.key, variable);
    case "call":
      return term.args.some((argument) => within(argument, variable));
    case "exists":
    case "all":
      return within(term.over, variable) || within(term.test, variable);
    default:
      return false;
  }
}
