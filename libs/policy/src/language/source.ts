import { Composer, type Document, type Node, Parser } from "yaml";
import type { Fault, FaultCode } from "./fault.ts";
import { inspect } from "./inspect.ts";
import { measure } from "./measure.ts";

/** A place in a file, counted from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

type Report = (position: Position, code: FaultCode, message: string, hint?: string) => void;

/** A document that is safe to walk: bounded, with string keys that are there once, core types, and aliases that end. */
export interface SourceDocument {
  readonly document: Document.Parsed;
  readonly root: Node;
  readonly report: Report;
  positionOf(node: Node): Position;
}

/** Splits a file into its documents. What cannot be walked safely is reported and left out; a document with nothing in it is skipped. */
export function readDocuments(file: string, text: string, faults: Fault[]): SourceDocument[] {
  const positionAt = positionsIn(file, text);
  const positionOf = (node: Node): Position => positionAt(node.range?.[0] ?? 0);
  const report: Report = (position, code, message, hint = "") => {
    faults.push({ file: position.file, line: position.line, column: position.column, code, message, hint });
  };
  const excess = measure(text);
  if (excess !== undefined) {
    report({ file, line: text.slice(0, excess.offset).split("\n").length, column: 1 }, excess.code, excess.message, excess.hint);
    return [];
  }
  // Duplicate keys are looked for by `inspect`: the library's own search is quadratic.
  const composer = new Composer({ version: "1.2", schema: "core", uniqueKeys: false, prettyErrors: false, logLevel: "silent" });
  const documents: SourceDocument[] = [];
  let found = 0;
  for (const document of composer.compose(new Parser().parse(text))) {
    found++;
    const { errors, warnings } = document;
    for (const { pos, code, message } of errors.slice(0, maxReported)) {
      const position = positionAt(pos[0]);
      if (code === "RESOURCE_EXHAUSTION") report(position, "too_deep", "nesting is too deep", "nest at most 32 deep");
      else if (code === "TAG_RESOLVE_FAILED") report(position, "custom_tag", firstLine(message), "leave the tag out");
      else report(position, "syntax", firstLine(message));
    }
    for (const { pos, message } of warnings.slice(0, maxReported)) {
      report(positionAt(pos[0]), "custom_tag", firstLine(message), "leave the tag out");
    }
    if (document.directives.yaml.explicit && document.directives.yaml.version !== "1.2") {
      report(positionAt(document.range[0]), "custom_tag", "policies are YAML 1.2", "leave the %YAML directive out");
    } else if (errors.length + warnings.length === 0 && document.contents !== null && !isEmpty(document.contents)) {
      const walkable: SourceDocument = { document, root: document.contents, report, positionOf };
      if (inspect(walkable)) documents.push(walkable);
    }
  }
  if (found === 0) report({ file, line: 1, column: 1 }, "no_documents", "the file holds no policy document");
  return documents;
}

/** Offsets to positions. The library's own counter counts lines twice where it looks at a broken scalar again. */
function positionsIn(file: string, text: string): (offset: number) => Position {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return (offset) => {
    const within = Math.min(offset, text.length);
    let [low, high] = [0, starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= within) low = middle;
      else high = middle - 1;
    }
    return { file, line: low + 1, column: within - starts[low]! + 1 };
  };
}

/** Of one document: the faults that follow a broken line say little. */
const maxReported = 20;

const firstLine = (message: string): string => message.split("\n")[0]!.slice(0, 200);

const isEmpty = (node: Node): boolean => "source" in node && node.source === "";
