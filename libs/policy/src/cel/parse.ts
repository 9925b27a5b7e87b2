import { checkSyntax } from "./check.ts";
import type { Expression, Want } from "./expression.ts";
import type { ExpressionFault } from "./fault.ts";
import { called, maybe } from "./shape.ts";
import { readSyntax } from "./syntax.ts";
import type { Token } from "./tokens.ts";

export type Parsed =
  | { readonly ok: true; readonly expression: Expression }
  | { readonly ok: false; readonly faults: readonly ExpressionFault[] };

/**
 * Reads a CEL expression: syntax, names, and what is certain of types before any call. Faults come in the order of the text, each where the
 * author wrote it.
 */
export function parseExpression(text: string, want: Want): Parsed {
  const read = readSyntax(text);
  if (!read.ok) return { ok: false, faults: [read.fault] };
  const faults: ExpressionFault[] = [];
  const report = (offset: number, message: string, hint: string): void => {
    const { start, end } = written(read.tokens, offset);
    faults.push({ offset: start, length: end - start, message, hint });
  };
  const checked = checkSyntax(read.syntax, report);
  if (checked !== undefined) {
    const kind = want === "condition" ? "boolean" : "number";
    if (maybe(checked.shape.kind, kind)) {
      return { ok: true, expression: { text, root: { op: "call", at: checked.at, name: want, args: [checked.term] } } };
    }
    const hint = want === "condition" ? "compare it with something" : "compute a number of US dollars";
    report(checked.at, `a ${want} is ${called[kind]}, and this is ${called[checked.shape.kind]}`, hint);
  }
  return { ok: false, faults: faults.sort((a, b) => a.offset - b.offset) };
}

/** The token that stands at an offset; a member's name rather than the dot before it. */
function written(tokens: readonly Token[], offset: number): { readonly start: number; readonly end: number } {
  const index = tokens.findIndex(({ end }) => end > offset);
  const token = tokens[index];
  if (token === undefined) return { start: offset, end: offset };
  const next = tokens[index + 1];
  return token.text === "." && next?.kind === "word" ? next : token;
}
