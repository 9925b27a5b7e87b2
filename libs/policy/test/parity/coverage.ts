import type { JsonValue } from "@aegis/canonical/ijson";
import type { Operation, Term } from "../../src/cel/expression.ts";
import { matchesName } from "../../src/engine/limits.ts";
import type { EvaluationInput } from "../../src/input.ts";
import type { ActionRule, Policy, PolicySet } from "../../src/ir.ts";
import type { Decided } from "./compared.ts";
import { numberTexts, spellingKinds } from "./spelling.ts";

/** Every operation of the expression language, as the table names it. */
const operators: Readonly<Record<Operation, string>> = {
  condition: "condition",
  cost: "cost",
  "!_": "!",
  "-_": "negate",
  "_&&_": "&&",
  "_||_": "||",
  "_?_:_": "?:",
  "_==_": "==",
  "_!=_": "!=",
  "_<_": "<",
  "_<=_": "<=",
  "_>_": ">",
  "_>=_": ">=",
  "_+_": "+",
  "_-_": "-",
  "_*_": "*",
  "_/_": "/",
  "_%_": "%",
  "@in": "in",
  size: "size",
  startsWith: "startsWith",
  endsWith: "endsWith",
  contains: "contains",
  matches: "matches",
  has: "has",
  timestamp: "timestamp",
  "timestamp+": "timestamp+",
  "timestamp-": "timestamp-",
  "duration+": "duration+",
  "duration-": "duration-",
  getFullYear: "getFullYear",
  getMonth: "getMonth",
  getDate: "getDate",
  getDayOfMonth: "getDayOfMonth",
  getDayOfWeek: "getDayOfWeek",
  getHours: "getHours",
  getMinutes: "getMinutes",
  getSeconds: "getSeconds",
  getMilliseconds: "getMilliseconds",
};

/** What a parity run must have seen: every answer, every reason that an engine gives, every member of the language. */
const wanted: readonly string[] = [
  ..."allow deny sanitize approval_needed".split(" ").flatMap((name) => [`decision ${name}`, `shadow ${name}`]),
  ...(
    "policy_missing tool_not_allowed action_not_allowed explicitly_denied parameter_missing parameter_unknown parameter_type " +
    "parameter_out_of_range parameter_not_in_set parameter_pattern condition_false purpose_not_allowed egress_blocked pii_found " +
    "delegation_depth delegation_source scope_missing prompt_missing session_flow drift_detected approval_required token_expired"
  )
    .split(" ")
    .map((code) => `reason ${code}`),
  ...(
    "agents:exact agents:prefix mode:shadow purposes delegation.acceptFrom delegation.maxDepth delegation.authority egress.host " +
    "egress.wildcard egress.port egress.path egress.methods dlp.in dlp.in:* dlp:redact dlp:mask dlp:hash dlp:deny dlp:own results " +
    "session.after:label session.after:call session.unless onDrift:deny onDrift:approval_needed onDrift:flag limits rates " +
    "governance.maxDepth governance.tokenTtlSeconds tool.deny:exact tool.deny:prefix overlapping overlapping:mixed"
  )
    .split(" ")
    .map((member) => `policy ${member}`),
  ...(
    "min max exclusiveMin exclusiveMax enum matches minLength maxLength optional beyond type:string type:number type:integer " +
    "type:boolean type:array type:object type:any"
  )
    .split(" ")
    .map((member) => `parameter ${member}`),
  ...(
    "mode:shadow additional:allow additional:deny approval approvalAlways when costMicroUsd costUsd costMoney durability:T0 durability:T1 " +
    "durability:T2 obligations"
  )
    .split(" ")
    .map((member) => `action ${member}`),
  ...[..."literal list variable element select index exists all".split(" "), ...Object.values(operators)].map(
    (operator) => `cel ${operator}`,
  ),
  ..."astral combining right-to-left control huge tiny 2^53 fraction nested __proto__ null pointer-escape"
    .split(" ")
    .map((kind) => `value ${kind}`),
  ...["zero", "zeros", "exponent", "long", "large integer", "trap", "unreadable"].map((kind) => `spelling ${kind}`),
  ..."destination session drift chain:2 chain:3 findings findings:key purpose".split(" ").map((part) => `call ${part}`),
];

/** How often each thing was seen in evaluated pairs. */
export class Coverage {
  readonly counts = new Map<string, number>();

  /** @param sent the call's JSON text */
  see(set: PolicySet, sent: string, decided: Decided): void {
    for (const kind of new Set(numberTexts(sent).flatMap((text) => [...spellingKinds(text)]))) this.#count(`spelling ${kind}`);
    if (decided === undefined) {
      this.#count("spelling unreadable");
      return;
    }
    const { input, verdict } = decided;
    this.#count(`decision ${verdict.decision}`);
    if (verdict.shadow) this.#count(`shadow ${verdict.shadow.decision}`);
    const reasons = [...verdict.reasons, ...(verdict.shadow?.reasons ?? [])];
    for (const code of new Set(reasons.map((reason) => reason.code))) this.#count(`reason ${code}`);
    const about = set.policies.filter(({ agents }) => agents.some((pattern) => matchesName(pattern, input.principal.agent)));
    const { governance } = set;
    const seen = new Set<string>([
      ...about.flatMap((policy) => policyMembers(policy, input)).map((member) => `policy ${member}`),
      ...rulesFor(about, input).flatMap(ruleMembers),
      ...[...valueKinds(input.arguments)].map((kind) => `value ${kind}`),
      ...callParts(input).map((part) => `call ${part}`),
    ]);
    if (about.length > 1) seen.add("policy overlapping");
    if (new Set(about.map(({ mode }) => mode)).size > 1) seen.add("policy overlapping:mixed");
    if (governance.maxDepth !== undefined) seen.add("policy governance.maxDepth");
    if (governance.tokenTtlSeconds !== undefined) seen.add("policy governance.tokenTtlSeconds");
    for (const each of seen) this.#count(each);
  }

  /** Of what must be seen, what was not seen so often. */
  missing(least: number): string[] {
    return wanted.filter((each) => (this.counts.get(each) ?? 0) < least);
  }

  /** Lines of a table, for people. */
  table(): string[] {
    const kinds = [...new Set(wanted.map((each) => each.split(" ")[0]!))];
    return kinds.map((kind) => {
      const cells = wanted
        .filter((each) => each.startsWith(`${kind} `))
        .map((each) => `${each.slice(kind.length + 1)} ${this.counts.get(each) ?? 0}`);
      return `${kind.padEnd(9)} ${cells.join(" · ")}`;
    });
  }

  #count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}

const rulesFor = (about: readonly Policy[], { tool, action }: EvaluationInput): ActionRule[] =>
  about.flatMap(({ tools }) =>
    tools.filter(({ name }) => name === tool).flatMap(({ actions }) => actions.filter(({ name }) => name === action)),
  );

function policyMembers(policy: Policy, { principal, tool, action }: EvaluationInput): string[] {
  const { delegation, egress, dlp, session, onDrift } = policy;
  const denies = policy.tools
    .filter(({ name }) => name === tool)
    .flatMap(({ deny }) => deny.filter((rule) => matchesName(rule.action, action)));
  return [
    ...policy.agents
      .filter((pattern) => matchesName(pattern, principal.agent))
      .map((pattern) => `agents:${pattern.endsWith("*") ? "prefix" : "exact"}`),
    ...(policy.mode === "shadow" ? ["mode:shadow"] : []),
    ...(policy.purposes ? ["purposes"] : []),
    ...Object.keys(delegation ?? {}).map((member) => `delegation.${member}`),
    ...(egress?.allow ?? []).flatMap(({ host, path, methods }) => [
      "egress.host",
      ...(host.startsWith("*") ? ["egress.wildcard"] : []),
      ...(/:\d+$/.test(host) ? ["egress.port"] : []),
      ...(path ? ["egress.path"] : []),
      ...(methods ? ["egress.methods"] : []),
    ]),
    ...dlp.flatMap((rule) => [
      `dlp:${rule.action}`,
      ...(rule.in ? ["dlp.in"] : []),
      ...(rule.in?.some((pointer) => pointer.includes("*")) ? ["dlp.in:*"] : []),
      ...(rule.detect.includes("ticket_number") ? ["dlp:own"] : []),
    ]),
    ...(policy.results ? ["results"] : []),
    ...(session ?? []).flatMap(({ after, unless }) => [
      `session.after:${after.includes(":") ? "call" : "label"}`,
      ...(unless ? ["session.unless"] : []),
    ]),
    ...(onDrift ? [`onDrift:${onDrift.action}`] : []),
    ...(policy.limits.length > 0 ? ["limits"] : []),
    ...(policy.rates ? ["rates"] : []),
    ...denies.map((rule) => `tool.deny:${rule.action.endsWith("*") ? "prefix" : "exact"}`),
  ];
}

function ruleMembers(rule: ActionRule): string[] {
  const action = [
    ...(rule.mode === "shadow" ? ["mode:shadow"] : []),
    `additional:${rule.additional}`,
    `durability:${rule.durability}`,
    ...(["approval", "approvalAlways", "when", "costMicroUsd", "costUsd", "costMoney"] as const).filter(
      (member) => rule[member] !== undefined,
    ),
    ...(rule.obligations.length > 0 ? ["obligations"] : []),
  ];
  const parameters = rule.parameters.flatMap(({ type, ...members }) => [`type:${type ?? "any"}`, ...Object.keys(members)]);
  return [
    ...action.map((member) => `action ${member}`),
    ...parameters.map((member) => `parameter ${member}`),
    ...[rule.when?.expression.root, rule.costUsd?.root]
      .flatMap((root) => (root ? operations(root) : []))
      .map((operator) => `cel ${operator}`),
  ];
}

function operations(term: Term): string[] {
  switch (term.op) {
    case "list":
      return ["list", ...term.items.flatMap(operations)];
    case "select":
      return ["select", ...operations(term.of)];
    case "index":
      return ["index", ...operations(term.of), ...operations(term.key)];
    case "call":
      return [operators[term.name], ...term.args.flatMap(operations)];
    case "exists":
    case "all":
      return [term.op, ...operations(term.over), ...operations(term.test)];
    default:
      return [term.op];
  }
}

function* valueKinds(value: JsonValue, depth = 0): Iterable<string> {
  if (value === null) yield "null";
  else if (typeof value === "string") yield* textKinds(value);
  else if (typeof value === "number") {
    if (Math.abs(value) >= 2 ** 53 - 1 && Math.abs(value) < 1e16) yield "2^53";
    if (Math.abs(value) >= 1e21) yield "huge";
    if (value !== 0 && Math.abs(value) < 1e-6) yield "tiny";
    if (!Number.isInteger(value)) yield "fraction";
  } else if (typeof value === "object") {
    if (depth > 1) yield "nested";
    for (const [name, member] of Object.entries(value)) {
      if (name === "__proto__") yield "__proto__";
      if (/[~/]/.test(name)) yield "pointer-escape";
      yield* textKinds(name);
      yield* valueKinds(member, depth + 1);
    }
  }
}

function* textKinds(text: string): Iterable<string> {
  if (/[\u{10000}-\u{10ffff}]/u.test(text)) yield "astral";
  if (/\p{M}/u.test(text)) yield "combining";
  if (/[\u0590-\u06ff\u202e]/.test(text)) yield "right-to-left";
  if (/\p{Cc}/u.test(text)) yield "control";
}

function callParts({ destination, session, drift, principal, findings, context }: EvaluationInput): string[] {
  return [
    ...(destination ? ["destination"] : []),
    ...(session ? ["session"] : []),
    ...(drift ? ["drift"] : []),
    ...(principal.chain.length > 1 ? [`chain:${Math.min(principal.chain.length, 3)}`] : []),
    ...(findings.length > 0 ? ["findings"] : []),
    ...(findings.some(({ inKey }) => inKey) ? ["findings:key"] : []),
    ...(context.purpose ? ["purpose"] : []),
  ];
}
