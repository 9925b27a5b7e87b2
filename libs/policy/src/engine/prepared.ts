import type { Reason } from "@aegis/contracts/reasons";
import { detectorNames } from "@aegis/dlp/detect";
import { type Detectors, prepareDetectors } from "@aegis/dlp/prepare";
import type { RE2JS } from "re2js";
import type { Expression } from "../cel/expression.ts";
import { prepareExpression } from "../cel/prepare.ts";
import type { ActionRule, DenyRule, DlpAction, DlpRule, Governance, Policy, PolicySet, TenantDetector, ToolRules } from "../ir.ts";
import { type ConditionCheck, type Evaluate, prepareCondition, preparePrice } from "./conditions.ts";
import type { PriceOf } from "./cost.ts";
import { type EgressCheck, prepareEgress } from "./egress.ts";
import { matchesName } from "./limits.ts";
import { type ParameterCheck, prepareParameters } from "./parameters.ts";
import { type PointerCheck, preparePointers } from "./pointers.ts";
import { type PreparedDrift, type PreparedSessionRule, prepareDrift, prepareSession } from "./session.ts";

/** A policy as closures over maps. */
export interface PreparedPolicy {
  readonly source: Policy;
  readonly enforced: boolean;
  readonly purposes: { readonly allowed: ReadonlySet<string>; readonly reason: Reason } | undefined;
  readonly delegation: PreparedDelegation | undefined;
  readonly egress: { readonly check: EgressCheck; readonly reason: Reason } | undefined;
  readonly dlp: readonly PreparedDlp[];
  readonly session: readonly PreparedSessionRule[];
  readonly drift: PreparedDrift | undefined;
  readonly tools: ReadonlyMap<string, PreparedTool>;
}

interface PreparedDelegation {
  readonly accepts: (parent: string) => boolean;
  readonly maxDepth: number;
  readonly source: Reason;
  readonly depth: Reason;
  readonly intersect: boolean;
  readonly rule: string;
}

export interface PreparedDlp {
  readonly detectors: ReadonlySet<string>;
  readonly covers: PointerCheck;
  readonly action: DlpAction;
  readonly rule: string;
}

export interface PreparedTool {
  readonly rule: string;
  readonly denied: readonly { readonly source: DenyRule; readonly reason: Reason }[];
  readonly actions: ReadonlyMap<string, PreparedAction>;
}

export interface PreparedAction {
  readonly source: ActionRule;
  readonly enforced: boolean;
  readonly check: ParameterCheck;
  readonly condition: ConditionCheck | undefined;
  /** Set when the price depends on the call. */
  readonly price: PriceOf | undefined;
  /** Set when every call needs approval. */
  readonly approval: Reason | undefined;
}

/** What all policies of a snapshot have in common: each pattern and each expression is prepared once. */
export class Shared {
  readonly patterns = new Map<string, RE2JS>();
  readonly #expressions = new Map<string, Evaluate>();
  readonly #detectors = new Map<string, Detectors>();
  readonly #own: readonly TenantDetector[];
  readonly exchangeRates: Governance["exchangeRates"];

  constructor({ detectors = [], governance }: PolicySet) {
    this.#own = detectors;
    this.exchangeRates = governance.exchangeRates;
  }

  /** Ready to look for what some rule of these policies asks for. */
  detectors(rules: readonly { readonly detect: readonly string[] }[]): Detectors {
    const asked = new Set(rules.flatMap(({ detect }) => detect));
    const names = [...detectorNames, ...this.#own.map(({ name }) => name)].filter((name) => asked.has(name));
    const key = names.join(" ");
    const known = this.#detectors.get(key);
    if (known !== undefined) return known;
    const prepared = prepareDetectors(names, this.#own);
    this.#detectors.set(key, prepared);
    return prepared;
  }

  readonly expression = (expression: Expression): Evaluate => {
    // One text may be a condition here and a price there, where another kind of value is wanted.
    const { root } = expression;
    const key = `${root.op} ${"name" in root ? root.name : ""} ${expression.text}`;
    const known = this.#expressions.get(key);
    if (known !== undefined) return known;
    const prepared = prepareExpression(expression);
    this.#expressions.set(key, prepared);
    return prepared;
  };
}

export function preparePolicy(source: Policy, shared: Shared): PreparedPolicy {
  const { purposes, egress } = source;
  return {
    source,
    enforced: source.mode === "enforce",
    purposes: purposes && {
      allowed: new Set(purposes.allowed),
      reason: Object.freeze<Reason>({
        code: "purpose_not_allowed",
        message: "the purpose is missing or none of the allowed ones",
        rule: purposes.rule,
      }),
    },
    delegation: source.delegation && prepareDelegation(source.delegation),
    egress: egress && {
      check: prepareEgress(egress.allow),
      reason: Object.freeze<Reason>({ code: "egress_blocked", message: "the destination is not on the egress list", rule: egress.rule }),
    },
    dlp: source.dlp.map(prepareDlp),
    session: prepareSession(source.session),
    drift: prepareDrift(source),
    tools: prepareTools(source.tools, shared),
  };
}

export function prepareDlp({ detect, in: places, action, rule }: DlpRule): PreparedDlp {
  return { detectors: new Set(detect), covers: preparePointers(places), action, rule };
}

function prepareDelegation({ rule, acceptFrom, maxDepth, authority }: NonNullable<Policy["delegation"]>): PreparedDelegation {
  return {
    accepts: (parent) => acceptFrom === undefined || acceptFrom.some((pattern) => matchesName(pattern, parent)),
    maxDepth: maxDepth ?? Number.POSITIVE_INFINITY,
    source: Object.freeze<Reason>({ code: "delegation_source", message: "work is not accepted from the delegating agent", rule }),
    depth: Object.freeze<Reason>({ code: "delegation_depth", message: `work was handed on more than ${maxDepth} times`, rule }),
    intersect: authority === "intersect",
    rule,
  };
}

/** A tool may be listed more than once: its entries are one. */
function prepareTools(tools: readonly ToolRules[], shared: Shared): Map<string, PreparedTool> {
  interface Collected {
    readonly rule: string;
    readonly denied: { source: DenyRule; reason: Reason }[];
    readonly actions: Map<string, PreparedAction>;
  }
  const prepared = new Map<string, Collected>();
  for (const tool of tools) {
    const entry: Collected = prepared.get(tool.name) ?? { rule: tool.rule, denied: [], actions: new Map() };
    prepared.set(tool.name, entry);
    for (const source of tool.deny) {
      const reason: Reason = { code: "explicitly_denied", message: `${source.action} is denied`, rule: source.rule };
      entry.denied.push({ source, reason: Object.freeze(reason) });
    }
    for (const source of tool.actions) entry.actions.set(source.name, prepareAction(source, shared));
  }
  return prepared;
}

function prepareAction(source: ActionRule, shared: Shared): PreparedAction {
  return {
    source,
    enforced: source.mode === "enforce",
    check: prepareParameters(source, shared.patterns),
    condition: prepareCondition(source, shared.expression),
    price: preparePrice(source, shared.expression, shared.exchangeRates),
    approval: source.approvalAlways
      ? Object.freeze<Reason>({
          code: "approval_required",
          message: "every call needs a person's approval",
          rule: source.approval?.rule ?? source.rule,
        })
      : undefined,
  };
}
