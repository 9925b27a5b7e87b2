import { parse } from "@bufbuild/cel";
import type { ExpressionFault } from "./fault.ts";
import { type Token, tokenize } from "./tokens.ts";

/** The parser's tree and where its nodes stand. */
export type Syntax = ReturnType<typeof parse>;

/** The most UTF-8 bytes of one expression. */
const maxBytes = 4096;

/** Parses CEL. Says of what cannot be parsed where it stops being the beginning of an expression. */
export function readSyntax(
  text: string,
):
  | { readonly ok: true; readonly syntax: Syntax; readonly tokens: readonly Token[] }
  | { readonly ok: false; readonly fault: ExpressionFault } {
  if (Buffer.byteLength(text) > maxBytes) {
    const message = `the expression is longer than ${maxBytes} bytes`;
    return { ok: false, fault: { offset: 0, length: text.length, message, hint: "say it in less, or in several actions" } };
  }
  const { tokens, fault } = tokenize(text);
  if (fault !== undefined) {
    // What comes before the unreadable place may be wrong already.
    const earlier = firstMisplaced(text, tokens);
    return { ok: false, fault: earlier === undefined ? fault : misplaced(text, tokens, earlier) };
  }
  const syntax = parsed(text);
  return syntax === undefined
    ? { ok: false, fault: misplaced(text, tokens, firstMisplaced(text, tokens) ?? tokens.length) }
    : { ok: true, syntax, tokens };
}

function parsed(text: string): Syntax | undefined {
  try {
    return parse(text);
  } catch {
    // Also when the parser's stack ends: nothing that deep is an expression.
    return undefined;
  }
}

/**
 * The first token after which nothing could make an expression of the text; `undefined` when more text could.
 * Every beginning of a beginning is one, so halving finds it. The parser itself stops at the end of the longest whole expression, which is
 * seldom where the mistake is.
 */
function firstMisplaced(text: string, tokens: readonly Token[]): number | undefined {
  let low = 0;
  let high = tokens.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (begins(text, tokens.slice(0, middle + 1))) low = middle + 1;
    else high = middle;
  }
  return low === tokens.length ? undefined : low;
}

/** Whether some text after these tokens makes an expression. */
function begins(text: string, tokens: readonly Token[]): boolean {
  const written = text.slice(0, tokens.at(-1)?.end ?? 0);
  return ["", " x", " x)", "()"].some((operand) => parsed(written + operand + closing(tokens, operand === " x)" ? 1 : 0)) !== undefined);
}

/** What closes the open brackets, each with the rest of its ternaries. */
function closing(tokens: readonly Token[], closed: number): string {
  const pending: number[] = [0];
  for (const { text } of tokens) {
    if (text === "(" || text === "[") pending.push(0);
    else if (text === ")" || text === "]") pending.pop();
    else if (text === "?") pending.push((pending.pop() ?? 0) + 1);
    else if (text === ":") pending.push((pending.pop() ?? 0) - 1);
  }
  const opens = tokens.at(-1)?.opens ?? "";
  let text = "";
  for (let level = opens.length - closed; level >= 0; level--) {
    text += " : x".repeat(Math.max(0, pending[level] ?? 0));
    if (level > 0) text += opens[level - 1] === "(" ? ")" : "]";
  }
  return text;
}

function misplaced(text: string, tokens: readonly Token[], index: number): ExpressionFault {
  const token = tokens[index];
  if (token === undefined) {
    const open = tokens.at(-1)?.opens.at(-1);
    const offset = tokens.at(-1)?.end ?? 0;
    if (tokens.length === 0)
      return { offset: 0, length: text.length, message: "there is no expression", hint: "write a condition, or leave it out" };
    return {
      offset,
      length: 0,
      message: "the expression ends too early",
      hint: open === undefined ? "write what the last operator is applied to" : `something is missing, or "${open}" is not closed`,
    };
  }
  const hint =
    token.kind === "sign"
      ? "an operator stands between two values, and each bracket closes what it opens"
      : "join conditions with && or ||, and put quotes around text";
  return { offset: token.start, length: token.end - token.start, message: `"${token.text}" cannot stand here`, hint };
}
