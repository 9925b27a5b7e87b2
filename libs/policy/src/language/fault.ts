/** What can be wrong with a policy document. Closed: tools may switch over it. Each is shown with an example in docs/reference/faults.md. */
export const faultCodes = {
  syntax: "the text is not YAML 1.2 or JSON",
  bad_indentation: "a line is indented with a tab, or not like the entries it belongs to",
  invalid_text: "the text holds what no policy needs: bytes that are not UTF-8, a NUL, another control character, half of a surrogate pair",
  too_large: "a document is over 1 MiB, a file over 4 MiB, or either holds too many values",
  too_many_documents: "a file holds over 1,000 documents",
  too_deep: "nesting is deeper than 32",
  alias_limit: "more than 20 aliases, or aliases that unfold to too much",
  alias_unknown: "an alias has no anchor before it",
  alias_cycle: "an alias stands inside its own anchor",
  merge_key: "a merge key, which YAML 1.2 does not know",
  custom_tag: "a YAML tag beyond the core schema",
  yaml_version: "a %YAML directive asks for another YAML than 1.2",
  duplicate_key: "a key is there twice",
  key_not_text: "a key is not text",
  too_many_faults: "a file has over 500 faults, of which the first are shown",
  no_documents: "there is no file, or the file holds no document",
  unknown_document: "a document is of no known form",
  unknown_kind: "kind is none that is known",
  unsupported_version: "apiVersion is not aegis.dev/v1",
  unknown_key: "a key means nothing here",
  missing_key: "a required key is missing",
  missing_value: "a key has no value",
  wrong_type: "a value is of the wrong type",
  invalid_number: "a number is infinite, none at all, or not kept exactly by every engine",
  not_whole: "a number must be whole",
  out_of_range: "a number is outside what is meaningful",
  invalid_length: "a text is empty or too long",
  empty_list: "a list must hold at least one entry",
  duplicate_entry: "a list holds the same entry twice",
  unknown_value: "a value is none of those that the key takes",
  unknown_detector: "no detector has this name",
  unknown_time_zone: "no time zone has this name",
  unknown_currency: "no currency of ISO 4217 has this code, or governance declares no exchange rate for it",
  invalid_money: "an amount of money is none",
  invalid_name: "a name breaks the rules for names",
  invalid_wildcard: "a * stands where none is understood",
  invalid_pattern: "a regular expression is not RE2",
  pattern_too_costly: "a regular expression is too long, or its counted repeats unfold to too much",
  invalid_pointer: "a JSON pointer is malformed",
  invalid_duration: "a duration is none",
  invalid_rate: "a rate is none",
  invalid_percentage: "a percentage is none",
  invalid_date: "a date is none",
  invalid_expression: "a CEL expression cannot be read, or its types do not fit",
  invalid_host: "an egress entry is no host, or is not spelled as URLs spell it",
  host_too_wide: "a wildcard covers a whole top-level domain, or addresses",
  invalid_path: "an egress path is malformed",
  invalid_method: "an egress method is malformed",
  invalid_label: "a session label or call is malformed",
  misplaced_bound: "a bound is for another type of value",
  redundant_bound: "two bounds say the same side, one of them in vain",
  empty_range: "no value lies within the bounds",
  impossible_value: "an allowed value is excluded by the parameter's own bounds",
  impossible_pattern: "no text that matches has an allowed length",
  impossible_parameter: "the bounds exclude every allowed value",
  limit_without_unit: "a limit bounds nothing",
  duplicate_name: "a name that must be unique is there twice",
  duplicate_action: "a policy lists an action of a tool twice",
  second_governance: "another document already governs the tenant",
  wrong_tenant: "the document names another tenant",
  justification_missing: "governance asks for a justification on every tool",
  weakens_fabric: "a value would switch off what always holds",
  unknown_tool: "the tenant's catalog has no such tool",
  unknown_action: "the tenant's catalog has no such action",
  unknown_parameter: "the action takes no such parameter, says the tenant's catalog",
  unsatisfiable_grant: "no call can both be what the tenant's catalog describes and be allowed",
  conflicting_rules: "two parts of a rule cannot both hold",
} as const;

export type FaultCode = keyof typeof faultCodes;

/** What a careful author may mean, and mostly does not. A warning refuses nothing. Closed, like the faults. */
export const warningCodes = {
  unreachable_rule: "a rule can never decide a call",
  redundant_egress: "another entry already lets through all that this one does",
  redundant_limit: "a lower limit on the same account is always reached first",
  conflicting_policies: "no call can satisfy all the enforced policies of an agent",
  opens_more: "a rule lets through more than it seems to",
  unanchored_pattern: "a pattern is found anywhere in a value, and looks as if it should be all of it",
  unknown_pointer: "a pointer leads to no parameter of the policy's actions",
  unknown_argument: "a condition or price reads a parameter that the action does not take",
  delegation_dead_end: "no call can ever satisfy a delegation rule",
  delegation_circle: "agents can hand work round in a circle",
} as const;

export type WarningCode = keyof typeof warningCodes;

/** One thing wrong, where it stands and what to write instead. Lines and columns count from 1; a column counts UTF-16 units. */
export interface Fault<Code extends string = FaultCode> {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly code: Code;
  readonly message: string;
  /** What to write instead; may be empty. */
  readonly hint: string;
}

export type Warning = Fault<WarningCode>;

/** In the order a person reads: files as given, then lines, columns, codes. The same thing said twice of one place is said once. */
export function sortFaults<Code extends string>(faults: readonly Fault<Code>[], files: readonly string[]): Fault<Code>[] {
  const rank = new Map(files.map((file, index) => [file, index]));
  const sorted = [...faults].sort(
    (a, b) =>
      (rank.get(a.file) ?? 0) - (rank.get(b.file) ?? 0) ||
      a.line - b.line ||
      a.column - b.column ||
      compare(a.code, b.code) ||
      compare(a.message, b.message),
  );
  return sorted.filter((fault, index) => {
    const before = sorted[index - 1];
    const { file, line, column, code, message } = fault;
    return before?.file !== file || before.line !== line || before.column !== column || before.code !== code || before.message !== message;
  });
}

/** `file:line:column code message — hint`. */
export function formatFault(fault: Fault<string>): string {
  return `${fault.file}:${fault.line}:${fault.column} ${fault.code} ${fault.message}${fault.hint === "" ? "" : ` — ${fault.hint}`}`;
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
