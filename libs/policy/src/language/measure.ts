import { Lexer } from "yaml";
import type { FaultCode } from "./fault.ts";

const maxFileCharacters = 4 * 1024 * 1024;
const maxDocumentBytes = 1024 * 1024;
const maxDocuments = 1000;
const maxFlowDepth = 32;
// A token costs the parser a few microseconds, whatever its length: this is what keeps a hostile file under a second.
const maxTokens = 200_000;

export interface Excess {
  readonly offset: number;
  readonly code: FaultCode;
  readonly message: string;
  readonly hint: string;
}

/** What makes a file too costly to parse, found by its tokens alone and before anything is built from them. */
export function measure(text: string): Excess | undefined {
  const split = "split it into several files";
  if (text.length > maxFileCharacters) return { offset: 0, code: "too_large", message: "the file is over 4 MiB", hint: split };
  let offset = 0;
  let start = 0;
  let documents = 0;
  let tokens = 0;
  let depth = 0;
  const oversized = (end: number): boolean =>
    (end - start) * 3 > maxDocumentBytes && Buffer.byteLength(text.slice(start, end)) > maxDocumentBytes;
  const tooLarge: Omit<Excess, "offset"> = { code: "too_large", message: "the document is over 1 MiB", hint: split };
  // A document of one huge token would otherwise be measured only once it was read.
  if (!/^---/m.test(text) && oversized(text.length)) return { offset: 0, ...tooLarge };
  for (const token of new Lexer().lex(text)) {
    if (++tokens > maxTokens) return { offset, code: "too_large", message: `the file has over ${maxTokens} tokens`, hint: split };
    switch (token) {
      // The lexer's marks for the start of a document, of a scalar, and for a broken flow collection are no text.
      case "\u0002":
        if (oversized(offset)) return { offset: start, ...tooLarge };
        if (++documents > maxDocuments) return { offset, code: "too_large", message: "the file holds over 1,000 documents", hint: split };
        start = offset;
        depth = 0;
        break;
      case "\u001f":
      case "\u0018":
        break;
      default:
        if (token === "[" || token === "{") depth++;
        else if (token === "]" || token === "}") depth--;
        if (depth > maxFlowDepth)
          return { offset, code: "too_deep", message: "nesting is too deep", hint: `nest at most ${maxFlowDepth} deep` };
        offset += token.length;
    }
  }
  return oversized(offset) ? { offset: start, ...tooLarge } : undefined;
}
