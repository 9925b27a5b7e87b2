import type { YAMLError } from "yaml";
import type { FaultCode } from "./fault.ts";

/** What an error of the YAML library is in the words of the fault list. */
export function syntaxFault({ code, message }: YAMLError): { code: FaultCode; message: string; hint: string } {
  const said = message.split("\n")[0]!.replace(/:$/, "").slice(0, 200);
  if (code === "RESOURCE_EXHAUSTION") return { code: "too_deep", message: "nesting is too deep", hint: "nest at most 32 deep" };
  if (code === "TAG_RESOLVE_FAILED") return { code: "custom_tag", message: said, hint: "leave the tag out" };
  if (code === "BAD_DIRECTIVE") return { code: "yaml_version", message: said, hint: "leave the directive out" };
  if (code === "TAB_AS_INDENT") return { code: "bad_indentation", message: "a tab indents", hint: "indent with spaces" };
  const unclosed = /end with a ([\]}])$/.exec(said)?.[1];
  if (unclosed !== undefined) return { code: "syntax", message: said, hint: `close it with ${unclosed}, or indent what belongs to it` };
  if (code === "BAD_INDENT") return { code: "bad_indentation", message: said, hint: "align it with the entries it belongs to" };
  return { code: "syntax", message: said, hint: hints[code] ?? "compare it with the entries around it" };
}

const hints: Partial<Record<YAMLError["code"], string>> = {
  MISSING_CHAR: "write the character that is missing",
  BAD_DQ_ESCAPE: "write the backslash twice, or put the text in single quotes",
  MULTILINE_IMPLICIT_KEY: "close what is open before it; a key stands on one line and ends in a colon",
  KEY_OVER_1024_CHARS: "write a shorter key",
  BAD_SCALAR_START: "put the text in quotes",
  BLOCK_AS_IMPLICIT_KEY: "start a new line, or put the text in quotes",
  BLOCK_IN_FLOW: "write it between { } or [ ], with commas",
  BAD_COLLECTION_TYPE: "indent all entries alike, and begin each with a dash or with a key",
  MULTIPLE_ANCHORS: "keep one anchor",
  MULTIPLE_TAGS: "leave the tags out",
  ALIAS_PROPS: "leave the anchor and the tag out",
  BAD_ALIAS: "name the alias",
  MULTIPLE_DOCS: "write --- between documents",
  UNEXPECTED_TOKEN: "put it in quotes, or take it out",
};
