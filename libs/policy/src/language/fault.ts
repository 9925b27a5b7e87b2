/** What can be wrong with a policy document. Closed: tools may switch over it. */
export const faultCodes = {
  syntax: "the text is not YAML 1.2 or JSON",
  too_large: "a document is over 1 MiB, a file over 4 MiB, or a file holds over 1,000 documents",
  too_deep: "nesting is deeper than 32",
  alias_limit: "more than 20 aliases, or aliases that unfold to too much",
  custom_tag: "a YAML tag or directive beyond the core schema",
  duplicate_key: "a key is there twice",
  no_documents: "the file holds no document",
  unknown_document: "a document is of no known kind",
  unsupported_version: "apiVersion is not aegis.dev/v1",
  unknown_key: "a key means nothing here",
  missing_key: "a required key is missing",
  wrong_type: "a value is of the wrong type",
  invalid_value: "a value is of the right type but means nothing here",
  out_of_range: "a number is outside what is meaningful",
  invalid_name: "a name breaks the rules for names",
  invalid_pattern: "a regular expression is not RE2",
  invalid_host: "an egress entry is not a canonical host",
  conflicting_rules: "two parts of a rule cannot both hold",
  duplicate_name: "a name that must be unique is there twice",
  wrong_tenant: "the document names another tenant",
  justification_missing: "governance asks for a justification on every tool",
  not_supported: "part of the policy language that this version does not enforce, and so refuses",
} as const;

export type FaultCode = keyof typeof faultCodes;

/** One thing wrong, where it stands and what to write instead. Lines and columns count from 1; a column counts UTF-16 units. */
export interface Fault {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly code: FaultCode;
  readonly message: string;
  /** What to write instead; may be empty. */
  readonly hint: string;
}

/** In the order a person reads: files as given, then lines, columns, codes. */
export function sortFaults(faults: readonly Fault[], files: readonly string[]): Fault[] {
  const rank = new Map(files.map((file, index) => [file, index]));
  return [...faults].sort(
    (a, b) =>
      (rank.get(a.file) ?? 0) - (rank.get(b.file) ?? 0) ||
      a.line - b.line ||
      a.column - b.column ||
      compare(a.code, b.code) ||
      compare(a.message, b.message),
  );
}

/** `file:line:column code message — hint`. */
export function formatFault(fault: Fault): string {
  return `${fault.file}:${fault.line}:${fault.column} ${fault.code} ${fault.message}${fault.hint === "" ? "" : ` — ${fault.hint}`}`;
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
