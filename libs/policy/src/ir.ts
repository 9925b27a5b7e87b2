import type { Digest } from "@aegis/canonical/digest";
import type { JsonObject } from "@aegis/canonical/ijson";
import type { Expression } from "./cel/expression.ts";

/**
 * The intermediate representation: what every policy document is lowered to, and what both engines read.
 * Plain JSON: it is `aegis/data.json` of the bundle. Absent members are left out, never `undefined` or `null`.
 * Every `rule` is "file:line" of what the author wrote.
 */
export interface PolicySet {
  readonly format: 1;
  readonly tenant: string;
  readonly governance: Governance;
  /** In source order: the order of reasons. */
  readonly policies: readonly Policy[];
  /** What is known of the tenant's tools; absent: nothing, and no policy is held to it. */
  readonly catalog?: readonly CatalogTool[];
  /** Detectors of the tenant's own, usable in `detect` by name. */
  readonly detectors?: readonly TenantDetector[];
}

/** A pattern that a tenant looks for, beside the built-in detectors. */
export interface TenantDetector {
  readonly rule: string;
  readonly name: string;
  /** RE2, found anywhere in a string. */
  readonly pattern: string;
  /** Words of which one must stand near a match; absent: none need. */
  readonly context?: readonly string[];
}

export type Risk = "low" | "medium" | "high";

/** A tool as its owner describes it: what a call means, whoever may make it. */
export interface CatalogTool {
  readonly rule: string;
  readonly name: string;
  /** Calls leave for the network: a policy that grants it without `egress` opens more than it seems to. */
  readonly network?: true;
  /** Holds for every action that says nothing of its own, also for those that the catalog does not know. */
  readonly personal?: PersonalData;
  readonly actions: readonly CatalogAction[];
}

/** Whom a call is about, and what of its arguments is theirs: records keep that under a key of this person's alone. */
export interface PersonalData {
  readonly rule: string;
  /** JSON pointer (RFC 6901) to what names the data subject; it is personal itself. */
  readonly subject: string;
  /** JSON pointers; a `*` segment matches any one segment, and everything below a match is covered. */
  readonly fields: readonly string[];
}

export interface CatalogAction {
  readonly rule: string;
  readonly name: string;
  readonly risk: Risk;
  /** It changes something in the world. */
  readonly writes?: true;
  /** The parameters the tool really takes; absent: not described. A call with others is refused by nobody but a policy. */
  readonly parameters?: readonly ParameterRule[];
  /** What its results carry: facts of the session from the moment the call is let through. */
  readonly labels?: readonly string[];
  /** What one call costs when neither the caller nor a policy says. */
  readonly costMicroUsd?: number;
  /** The most one call can cost: what is reserved when its cost is unknown. */
  readonly maxCostMicroUsd?: number;
  /** Model tokens, likewise. */
  readonly costTokens?: number;
  readonly maxCostTokens?: number;
  /** Instead of a cost in US dollars. */
  readonly costMoney?: Money;
  readonly maxCostMoney?: Money;
  readonly durability?: Durability;
  readonly personal?: PersonalData;
}

/** A tenant's ground rules. They hold for every agent and are never in shadow. */
export interface Governance {
  readonly rule?: string;
  /** The most agent-to-agent hops. */
  readonly maxDepth?: number;
  /** The longest life of a delegated token. */
  readonly tokenTtlSeconds?: number;
  readonly requireJustification?: boolean;
  readonly limits: readonly Limit[];
  /** Absent: none. */
  readonly rates?: readonly RateLimit[];
  /** A call that failed more often than this is not tried again unchanged; absent: as often as one likes. */
  readonly retryUnchanged?: number;
  /** A publish takes effect only after a person other than its author approved it. */
  readonly requireApproval?: boolean;
  /** What pauses an agent or a prompt; absent: nothing. */
  readonly breaker?: BreakerRule;
  /** The organisation whose budgets the tenant's calls count on, too: the tenant of that name says what they are. */
  readonly memberOf?: string;
  /** What the tenants of this organisation may use together. Only those named here can count on it. */
  readonly organisation?: { readonly rule: string; readonly members: readonly string[]; readonly limits: readonly Limit[] };
  /** How many US dollars one unit of each other currency is worth. Absent: none other can be spent. */
  readonly exchangeRates?: { readonly rule: string; readonly usd: Readonly<Record<string, number>> };
  /** Members that say how the fabric is run and decide no call, as written. */
  readonly settings: JsonObject;
}

/** When an agent, or a prompt of several, is paused and people are told. State: no engine evaluates it. */
export interface BreakerRule {
  readonly rule: string;
  /** Calls in a row that failed. */
  readonly failures: number;
  /** The share of a minute's calls that were denied, once there were at least `calls` of them. */
  readonly deniedPercent: number;
  readonly calls: number;
  /** Absent: spending pauses nobody. */
  readonly microUsdPerMinute?: number;
  /** Absent: however many agents may act for one prompt within a minute. */
  readonly agentsPerPrompt?: number;
  /** How long the first pause lasts at least. */
  readonly pauseSeconds: number;
}

export type Mode = "enforce" | "shadow";

/** Rules for the agents that match one of `agents`: an exact name, or a prefix ending in `*`. */
export interface Policy {
  readonly name: string;
  readonly rule: string;
  readonly mode: Mode;
  readonly agents: readonly string[];
  readonly purposes?: { readonly rule: string; readonly allowed: readonly string[] };
  readonly delegation?: Delegation;
  readonly egress?: { readonly rule: string; readonly allow: readonly EgressRule[] };
  readonly dlp: readonly DlpRule[];
  readonly limits: readonly Limit[];
  readonly tools: readonly ToolRules[];
  /** What holds for what the agent's tools answer. */
  readonly results?: ResultRules;
  /** Absent: none. */
  readonly session?: readonly SessionRule[];
  /** What becomes of a call by an agent that is not what was approved; absent: nothing. `flag` is a reason that changes no decision. */
  readonly onDrift?: { readonly rule: string; readonly action: "deny" | "approval_needed" | "flag" };
  /** Absent: none. */
  readonly rates?: readonly RateLimit[];
}

export interface ResultRules {
  readonly rule: string;
  readonly dlp: readonly DlpRule[];
  /** Facts of the session from the moment a call is let through. */
  readonly labels: readonly string[];
}

/** After something was seen in a session, some calls are refused in it. */
export interface SessionRule {
  readonly rule: string;
  readonly digest: Digest;
  /** A label, or, with a colon, a call `tool:action`. */
  readonly after: string;
  /** Calls, `tool:action`; either side may end in `*`. */
  readonly deny: readonly string[];
  /** A person may let the call through. */
  readonly unless?: "approval";
}

/** At most `calls` in `seconds`, and as many at once. State: no engine evaluates it. */
export interface RateLimit {
  readonly rule: string;
  /** `tenant`, `agent/<pattern>` or `tool/<encoded name>`. */
  readonly scope: string;
  readonly calls: number;
  readonly seconds: number;
}

export interface Delegation {
  readonly rule: string;
  /** Agents (names or prefixes ending in `*`) that may hand work to this agent; absent: any that its registration permits. */
  readonly acceptFrom?: readonly string[];
  readonly maxDepth?: number;
  /** `intersect`: every actor of the chain must itself be allowed the call. */
  readonly authority?: "intersect";
}

/** One place that calls may go to. */
export interface EgressRule {
  readonly rule: string;
  /** Canonical host, with `:port` when it is not the scheme's default; `*.suffix` matches one or more labels before the suffix. */
  readonly host: string;
  /** RE2, anchored at both ends, over the path as sent; absent: any path. */
  readonly path?: string;
  /** Upper-case; absent: any method. */
  readonly methods?: readonly string[];
}

export type DlpAction = "redact" | "mask" | "hash" | "deny";

export interface DlpRule {
  readonly rule: string;
  readonly detect: readonly string[];
  /** JSON pointers; a `*` segment matches any one segment, and everything below a match is covered. Absent: everywhere. */
  readonly in?: readonly string[];
  readonly action: DlpAction;
}

/** Money in a currency of ISO 4217 other than US dollars, in whole millionths of its unit. */
export interface Money {
  readonly currency: string;
  readonly micro: number;
}

/** Money is counted in millionths of a currency's unit: `micro_usd`, `micro_eur`. */
export type BudgetUnit = `micro_${string}` | "tokens" | "actions";
/** A calendar window of the tenant's time zone (weeks begin on Monday), or the life of a prompt or session. */
export type BudgetWindow = "hour" | "day" | "week" | "month" | "prompt" | "session";

/** A ceiling on one kind of account. */
export interface Limit {
  readonly rule: string;
  /** The accounts it bounds: `org` (an organisation's own), `tenant`, `agent/<pattern>`, `tool/<encoded name>`; `prompt/*` or `session/*`, which `/agent/<pattern>` or `/tool/<encoded name>` may follow. */
  readonly scope: string;
  readonly unit: BudgetUnit;
  readonly window: BudgetWindow;
  readonly limit: number;
  /** IANA name; where a calendar window begins. */
  readonly timeZone: string;
  /** Before the limit itself, what happens once `units` are used; absent: nothing. */
  readonly soft?: { readonly units: number; readonly action: "notify" | "throttle" | "approval_needed" };
}

/** What one policy says about one tool. A tool may be listed more than once, each action only once. */
export interface ToolRules {
  readonly name: string;
  readonly rule: string;
  readonly justification?: string;
  /** ISO 8601 date by which the grant is to be looked at again. */
  readonly reviewBy?: string;
  readonly deny: readonly DenyRule[];
  readonly actions: readonly ActionRule[];
}

/** Beats every allow. `action` is a name, or a prefix ending in `*`. */
export interface DenyRule {
  readonly rule: string;
  readonly digest: Digest;
  readonly action: string;
}

export type Durability = "T0" | "T1" | "T2";

export interface ActionRule {
  readonly name: string;
  readonly rule: string;
  /** Over the rule's meaning without its place in the file: approvals bind to it. */
  readonly digest: Digest;
  readonly mode: Mode;
  readonly parameters: readonly ParameterRule[];
  readonly additional: "deny" | "allow";
  /** Where an approval goes; absent: the defaults. */
  readonly approval?: ApprovalRule;
  /** Every call needs a person's approval, and so does a violated bound; else only what is `beyond`. */
  readonly approvalAlways?: true;
  /** Must be true for the call: false is `condition_false`, an error is a deny that names its place. With `approval`, false is a question. */
  readonly when?: Condition;
  readonly costMicroUsd?: number;
  readonly costTokens?: number;
  /** In USD, when it depends on the call; rounded up to the next micro-unit. At most one of the two is there. */
  readonly costUsd?: Expression;
  /** Instead of either: an amount, in millionths where it is a number, and of which currency, or the argument that names it. */
  readonly costMoney?: { readonly amount: number | Expression; readonly currency: string | { readonly argument: string } };
  readonly results?: ResultRules;
  readonly durability: Durability;
  readonly obligations: readonly string[];
}

/** What computes a rule's price, when it depends on the call. */
export function priceExpression({ costUsd, costMoney }: Pick<ActionRule, "costUsd" | "costMoney">): Expression | undefined {
  return costUsd ?? (typeof costMoney?.amount === "number" ? undefined : costMoney?.amount);
}

/** A CEL condition, and where it stands. */
export interface Condition {
  readonly rule: string;
  readonly expression: Expression;
}

export interface ApprovalRule {
  readonly rule: string;
  readonly queue: string;
  readonly quorum: number;
  readonly expiresSeconds: number;
}

/** Where a question goes when no rule says. */
export const defaultApproval = { queue: "default", quorum: 1, expiresSeconds: 1800 } as const;

export type ParameterType = "string" | "number" | "integer" | "boolean" | "array" | "object";
export type ScalarValue = string | number | boolean | null;

export interface ParameterRule {
  readonly name: string;
  readonly rule: string;
  readonly optional?: true;
  readonly type?: ParameterType;
  readonly min?: number;
  readonly max?: number;
  readonly exclusiveMin?: number;
  readonly exclusiveMax?: number;
  readonly enum?: readonly ScalarValue[];
  /** RE2, found anywhere in the string. */
  readonly matches?: string;
  /** In Unicode code points. */
  readonly minLength?: number;
  readonly maxLength?: number;
  /** A violated bound needs a person's approval instead of being a deny. A wrong type or a missing parameter is always a deny. */
  readonly beyond?: "approval_needed";
}

/** A verified revision of a tenant's policies. */
export interface PolicyContent {
  readonly tenant: string;
  readonly revision: number;
  /** "<revision>-<first 12 hex digits of the digest>". */
  readonly version: string;
  /** `snapshot_digest`. */
  readonly digest: Digest;
  readonly policies: PolicySet;
}
