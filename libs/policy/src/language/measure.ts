import { Lexer } from "yaml";
import type { FaultCode } from "./fault.ts";

export const maxFileCharacters = 4 * 1024 * 1024;
export const maxDocuments = 1000;
/** Of all documents of a file: a token costs the parser a few microseconds, whatever its length. */
export const maxTokens = 200_000;
/** Of flow collections in one another, and of values in one another. */
export const maxDepth = 32;
/** Of one document. */
export const maxAliases = 20;
/** Of brackets and commas that stand where none can. */
const maxStray = 50;
const maxDocumentBytes = 1024 * 1024;

export interface Excess {
  readonly offset: number;
  readonly code: FaultCode;
  readonly message: string;
  readonly hint: string;
}

const split = "split it into several files";

/** How much of a file may still be parsed. */
export interface Budget {
  tokens: number;
}

/** What makes one document too costly to parse, found by its tokens alone and before anything is built from them. */
export function measure(text: string, budget: Budget): Excess | undefined {
  if (text.length * 3 > maxDocumentBytes && Buffer.byteLength(text) > maxDocumentBytes) {
    return { offset: 0, code: "too_large", message: "the document is over 1 MiB", hint: split };
  }
  let offset = 0;
  let depth = 0;
  let aliases = 0;
  let stray = 0;
  let last = "";
  let scalar = false;
  for (const token of new Lexer().lex(text)) {
    if (--budget.tokens < 0) {
      const message = `the file holds too many values: over ${maxTokens.toLocaleString("en")} keys, values and marks`;
      return { offset, code: "too_large", message, hint: split };
    }
    // The lexer's marks for the start of a document, of a scalar, and for a broken flow collection are no text.
    if (token === "\u001f") scalar = true;
    else if (token === "\u0002" || token === "\u0018") scalar = false;
    else {
      if (!scalar) {
        if (token === "[" || token === "{") depth++;
        else if (token === "]" || token === "}") depth === 0 ? stray++ : depth--;
        else if (token[0] === "*") aliases++;
        else if (token === "," && (depth === 0 || last === "," || last === "[" || last === "{")) stray++;
      }
      if (scalar || !/^\s/.test(token)) last = scalar ? "scalar" : token;
      // Each costs the parser an error with a message; who has so many has no YAML.
      if (stray > maxStray) return { offset, code: "syntax", message: `"${token}" closes or parts nothing`, hint: "take it out" };
      if (depth > maxDepth) return { offset, code: "too_deep", message: "nesting is too deep", hint: `nest at most ${maxDepth} deep` };
      if (aliases > maxAliases) {
        return { offset, code: "alias_limit", message: `more than ${maxAliases} aliases`, hint: "repeat the values instead" };
      }
      scalar = false;
      offset += token.length;
    }
  }
  return undefined;
}
