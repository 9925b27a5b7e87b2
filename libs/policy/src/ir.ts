import type { Digest } from "@aegis/canonical/digest";
import type { JsonObject } from "@aegis/canonical/ijson";

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
  /** Members that say how the fabric is run and decide no call, as written. */
  readonly settings: JsonObject;
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

export type BudgetUnit = "micro_usd" | "tokens" | "actions";
export type BudgetWindow = "day" | "prompt" | "session";

/** A ceiling on one kind of account. */
export interface Limit {
  readonly rule: string;
  /** The accounts it bounds: `tenant`, `agent/<pattern>`, `tool/<encoded name>`, or `prompt/*`, which `/agent/<pattern>` may follow. */
  readonly scope: string;
  readonly unit: BudgetUnit;
  readonly window: BudgetWindow;
  readonly limit: number;
  /** IANA name; where a `day` begins. */
  readonly timeZone: string;
}

/** What one policy says about one tool. A tool may be listed more than once, each action only once. */
export interface ToolRules {
  readonly name: string;
  readonly rule: string;
  readonly justification?: string;
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
  readonly costMicroUsd?: number;
  readonly durability: Durability;
  readonly obligations: readonly string[];
}

export interface ApprovalRule {
  readonly rule: string;
  readonly queue: string;
  readonly quorum: number;
  readonly expiresSeconds: number;
}

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
