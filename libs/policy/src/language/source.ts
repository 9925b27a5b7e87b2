import { Composer, type Document, isScalar, type Node, Parser, visit, type YAMLError } from "yaml";
import { withoutUnwanted } from "./characters.ts";
import type { Fault, FaultCode } from "./fault.ts";
import { inspect } from "./inspect.ts";
import { type Budget, maxDocuments, maxFileCharacters, maxTokens, measure } from "./measure.ts";
import { splitDocuments } from "./split.ts";
import { syntaxFault } from "./syntax.ts";

/** A place in a file, counted from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export type Report = (position: Position, code: FaultCode, message: string, hint?: string) => void;

/** A document that is safe to walk: bounded, and with aliases that end. What else is wrong with its form is reported already. */
export interface SourceDocument {
  readonly document: Document.Parsed;
  readonly root: Node;
  readonly report: Report;
  /** The document's own text, which its nodes' ranges and `positionAt` count in. */
  readonly text: string;
  /** How much the regular expressions of the whole file come to so far. */
  readonly patterns: { size: number };
  /** Currencies that the document spends or bounds, and where it does: whether their rates are declared shows when all is read. */
  readonly currencies: { readonly code: string; readonly at: Position }[];
  positionAt(offset: number): Position;
  positionOf(node: Node): Position;
}

/** Of one file: whoever has so many has one cause for most of them. */
const maxFaults = 500;
/** Of one document: the faults that follow a broken line say little. */
const maxErrors = 20;

/** Splits a file into its documents. What cannot be walked safely is reported and left out; a document with nothing in it is skipped. */
export function readDocuments(file: string, text: string, faults: Fault[]): SourceDocument[] {
  const report = bounded(file, faults);
  if (text.length > maxFileCharacters) {
    report({ file, line: 1, column: 1 }, "too_large", "the file is over 4 MiB", "split it into several files");
    return [];
  }
  if (isWide(text)) {
    report({ file, line: 1, column: 1 }, "invalid_text", "the file is UTF-16 or UTF-32", "save the file as UTF-8");
    return [];
  }
  const before = faults.length;
  const start = text.startsWith("\ufeff") ? 1 : 0;
  const positionAt = positionsIn(file, text, start);
  const clean = withoutUnwanted(text, positionAt, report);
  const parts = splitDocuments(clean, start, maxDocuments + 1);
  const excess = parts[maxDocuments];
  if (excess !== undefined) {
    report(positionAt(excess.start), "too_many_documents", "the file holds over 1,000 documents", "split it into several files");
    return [];
  }
  const budget: Budget = { tokens: maxTokens };
  const patterns = { size: 0 };
  const documents = parts.flatMap((part) => {
    const at = (offset: number): Position => positionAt(part.start + offset);
    return budget.tokens < 0 ? [] : readDocument(clean.slice(part.start, part.end), budget, { patterns, positionAt: at, report });
  });
  if (documents.length === 0 && faults.length === before) {
    report({ file, line: 1, column: 1 }, "no_documents", "the file holds no policy document", "write a policy, or leave the file out");
  }
  return documents;
}

/** Whether most of what is ASCII stands between NULs, as where UTF-16 or UTF-32 was read as UTF-8. */
const isWide = (text: string): boolean => (text.slice(0, 64).match(/\0/g) ?? []).length * 3 > Math.min(text.length, 64);

function readDocument(text: string, budget: Budget, common: Pick<SourceDocument, "patterns" | "positionAt" | "report">): SourceDocument[] {
  const { positionAt, report } = common;
  const excess = measure(text, budget);
  if (excess !== undefined) {
    report(positionAt(excess.offset), excess.code, excess.message, excess.hint);
    return [];
  }
  const positionOf = (node: Node): Position => positionAt(node.range?.[0] ?? 0);
  // Duplicate keys are looked for by `inspect`: the library's own search is quadratic.
  const composer = new Composer({ version: "1.2", schema: "core", uniqueKeys: false, prettyErrors: false, logLevel: "silent" });
  const documents: SourceDocument[] = [];
  for (const document of composer.compose(new Parser().parse(text))) {
    const problems = [...document.errors, ...document.warnings];
    for (const problem of problems.slice(0, maxErrors)) {
      const { code, message, hint } = syntaxFault(problem);
      report(positionAt(placeOf(problem, document)), code, message, hint);
    }
    const { explicit, version } = document.directives.yaml;
    if (explicit && version !== "1.2") {
      report(positionAt(Math.max(0, text.indexOf("%YAML"))), "yaml_version", "policies are YAML 1.2", "leave the %YAML directive out");
    }
    const tags = problems.some(({ code }) => code === "TAG_RESOLVE_FAILED");
    const broken = problems.some(({ code }) => code !== "TAG_RESOLVE_FAILED" && code !== "BAD_DIRECTIVE");
    if (broken || document.contents === null || isEmpty(document.contents)) continue;
    const walkable: SourceDocument = { document, root: document.contents, text, positionOf, currencies: [], ...common };
    if (inspect(walkable, { tags: !tags })) documents.push(walkable);
  }
  return documents;
}

/** Adds faults of one file, up to a number that a person may still read. */
function bounded(file: string, faults: Fault[]): Report {
  let count = 0;
  const merged = new Set<string>();
  return ({ line, column }, code, message, hint = "") => {
    const place = `${line}:${column}`;
    if (code === "merge_key") merged.add(place);
    // A merge key is an unknown key too, and that would say less.
    if (code === "unknown_key" && merged.has(place)) return;
    if (++count <= maxFaults) faults.push({ file, line, column, code, message: visible(message), hint: visible(hint) });
    if (count === maxFaults + 1) {
      const more = `the file has over ${maxFaults} faults; more are not shown`;
      faults.push({ file, line: 1, column: 1, code: "too_many_faults", message: more, hint: "mend those that are, and check again" });
    }
  };
}

/** What a terminal would act on, and halves of characters, as escapes: messages quote what authors wrote. */
const visible = (text: string): string =>
  text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
    /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/** Where an error of the library is shown: a quote that never ends, where it begins. */
function placeOf({ code, message, pos: [offset] }: YAMLError, document: Document.Parsed): number {
  let place = offset;
  if (code === "MISSING_CHAR" && message.includes("quote")) {
    visit(document, {
      Scalar: (_, { type, range }) => {
        if (type?.startsWith("QUOTE") && range && range[0] < offset && range[1] >= offset) place = range[0];
      },
    });
  }
  return place;
}

/** Offsets to positions. The library's own counter counts lines twice where it looks at a broken scalar again. */
function positionsIn(file: string, text: string, start: number): (offset: number) => Position {
  const starts = [start];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return (offset) => {
    const within = Math.max(start, Math.min(offset, text.length));
    let [low, high] = [0, starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= within) low = middle;
      else high = middle - 1;
    }
    return { file, line: low + 1, column: within - starts[low]! + 1 };
  };
}

const isEmpty = (node: Node): boolean => isScalar(node) && node.source === "" && node.type === "PLAIN" && !node.tag && !node.anchor;
