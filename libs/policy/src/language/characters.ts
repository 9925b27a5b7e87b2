import type { Report, SourceDocument } from "./source.ts";

const maxReported = 20;

/** What no policy needs and no reviewer sees: controls, marks that reorder or replace text, halves of surrogate pairs. */
const unwanted =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u202a-\u202e\u2066-\u2069\ufffd\ufffe\uffff]|\r(?!\n)|(?<!^)\ufeff|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** Reports characters that a policy must not hold, and gives the text with as many question marks in their places. */
export function withoutUnwanted(text: string, positionAt: SourceDocument["positionAt"], report: Report): string {
  let found = 0;
  return text.replace(unwanted, (character, offset: number) => {
    if (++found <= maxReported) report(positionAt(offset), "invalid_text", messageOf(character), hintOf(character));
    return "?";
  });
}

function messageOf(character: string): string {
  const code = character.charCodeAt(0);
  if (code === 0xfffd) return "the file holds bytes that are not UTF-8";
  if (code === 0x0d) return "a carriage return ends no line on its own";
  if (code === 0) return "the file holds a NUL";
  if (code >= 0xd800 && code <= 0xdfff) return "the text holds half of a surrogate pair";
  const point = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
  return code < 0x80
    ? `the file holds the control character ${point}`
    : `the file holds ${point}, which hides or reorders what a reader sees`;
}

function hintOf(character: string): string {
  const code = character.charCodeAt(0);
  if (code === 0xfffd) return "save the file as UTF-8";
  return code === 0x0d ? "end lines with a newline" : "take it out";
}
