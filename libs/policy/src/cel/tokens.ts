import type { ExpressionFault } from "./fault.ts";

/** A word, a literal or a sign, where it stands. `opens` are the brackets that are open after it. */
export interface Token {
  readonly start: number;
  readonly end: number;
  readonly kind: "word" | "number" | "string" | "sign";
  readonly text: string;
  readonly opens: string;
}

const space = /(?:\s|\/\/[^\n]*)+/y;
const word = /[A-Za-z_][A-Za-z0-9_]*/y;
const number = /0x[0-9a-fA-F]+u?|(?:\d+\.\d+|\.\d+|\d+)(?:[eE][+-]?\d+)?[uU]?/y;
const string =
  /(?:[rR])?(?:"""(?:[^\\]|\\[\s\S])*?"""|'''(?:[^\\]|\\[\s\S])*?'''|"(?:[^"\\\r\n]|\\[^\r\n])*"|'(?:[^'\\\r\n]|\\[^\r\n])*')/y;
const rawString = /[rR](?:"""[\s\S]*?"""|'''[\s\S]*?'''|"[^"\r\n]*"|'[^'\r\n]*')/y;
const sign = /&&|\|\||==|!=|<=|>=|[-!<>+*/%?:.,()[\]]/y;
const escapes = /\\(?:[abfnrtv\\?"'`]|x[0-9a-fA-F]{2}|X[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2})|\\[\s\S]?/g;

const pairs: ReadonlyMap<string, string> = new Map([
  ["(", ")"],
  ["[", "]"],
]);

/** How deep brackets may nest: more than people write, and little enough for every reader's stack. */
const maxNesting = 32;

/** The tokens of an expression, or the first place that is none. */
export function tokenize(text: string): { readonly tokens: readonly Token[]; readonly fault?: ExpressionFault } {
  const tokens: Token[] = [];
  let opens = "";
  let at = 0;
  const stop = (offset: number, length: number, message: string, hint: string) => ({ tokens, fault: { offset, length, message, hint } });
  while (true) {
    at += matched(space, text, at).length;
    if (at >= text.length) return { tokens };
    const found = tokenAt(text, at);
    if (found === undefined) return stop(at, 1, ...unreadable(text, at));
    const { kind, length } = found;
    const own = text.slice(at, at + length);
    if (kind === "string" && !/^[rR]/.test(own)) {
      const wrong = wrongEscape(own);
      if (wrong !== undefined) {
        return stop(at + wrong, 2, "no such escape in a text", String.raw`write \\ for a backslash, or put r before the quotes`);
      }
    }
    if (pairs.has(own)) opens += own;
    else if (own === ")" || own === "]") {
      if (pairs.get(opens.at(-1) ?? "") !== own)
        return stop(at, 1, `"${own}" closes nothing`, "open what you close, and close it in order");
      opens = opens.slice(0, -1);
    }
    if (opens.length > maxNesting) {
      return stop(at, 1, `brackets are nested more than ${maxNesting} deep`, "make it simpler");
    }
    const before = tokens.at(-1);
    if ((own === "!" || own === "-") && before?.text === own && prefixed(tokens)) {
      return stop(at, 1, `"${own}" is written twice`, "leave both out, or write brackets");
    }
    tokens.push({ start: at, end: at + length, kind, text: own, opens });
    at += length;
  }
}

/** Whether the last token stands before its operand: nothing that has a value comes before it. */
function prefixed(tokens: readonly Token[]): boolean {
  const before = tokens.at(-2);
  return before === undefined || (before.kind === "sign" && before.text !== ")" && before.text !== "]") || before.text === "in";
}

function tokenAt(text: string, at: number): { kind: Token["kind"]; length: number } | undefined {
  for (const [kind, pattern] of [
    ["string", rawString],
    ["string", string],
    ["number", number],
    ["word", word],
    ["sign", sign],
  ] as const) {
    const { length } = matched(pattern, text, at);
    // A bytes literal is a letter at a string: no word.
    if (length > 0)
      return kind === "word" && /^[bB][rR]?$/.test(text.slice(at, at + length)) && /["']/.test(text[at + length] ?? "")
        ? undefined
        : { kind, length };
  }
  return undefined;
}

function matched(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? "";
}

function unreadable(text: string, at: number): [message: string, hint: string] {
  const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
  if (character === '"' || character === "'") return ["the text is not closed", "close it with the quote that opens it"];
  if (character === "=") return ['"=" is no operator', "write == to compare"];
  if (character === "&" || character === "|") return [`"${character}" is no operator`, `write ${character}${character}`];
  if (character === "{" || character === "}") return ["maps are not written in expressions", "compare the members one by one"];
  if (character === "b" || character === "B") return ["bytes are not part of the language", "write text without the b"];
  return [`"${character}" is no part of an expression`, "write && || ! == != < <= > >= + - * / % in, names, numbers and quoted text"];
}

function wrongEscape(literal: string): number | undefined {
  for (const { 0: written, index } of literal.matchAll(escapes)) {
    if (!/^\\(?:[abfnrtv\\?"'`]$|[xXuU0-3])/.test(written) || /^\\[xXuU0-3]$/.test(written)) return index;
  }
  return undefined;
}
