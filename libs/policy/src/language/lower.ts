import { type Digest, digestOf } from "@aegis/canonical/digest";
import { accounts } from "../engine/limits.ts";
import {
  type ActionRule,
  type CatalogAction,
  type CatalogTool,
  type DenyRule,
  defaultApproval,
  type Governance,
  type Limit,
  type ParameterRule,
  type Policy,
  type ToolRules,
} from "../ir.ts";
import type { AgentPolicyDocument, AgentPolicySpec } from "./agent-policy-document.ts";
import type { BareAgentDocument } from "./bare-agent-document.ts";
import { lowerBreaker } from "./breaker-document.ts";
import { lowerDlp, lowerResults, lowerSession } from "./data-rules-document.ts";
import { type GovernanceSpec, settingsOf } from "./governance-document.ts";
import { accountsOf, type LimitDocument, lowerLimit, lowerRate } from "./limit-document.ts";
import { lowerPrice, lowerRates } from "./money-document.ts";
import { lowerParameters } from "./parameter-document.ts";
import type { Position } from "./source.ts";

/** What a document does not say itself, but another one of the set does. */
export interface Surroundings {
  /** The tenant's: where a daily budget begins. */
  readonly timeZone: string;
  readonly catalog: CatalogIndex;
}

/** Actions by name, of tools by name. */
export type CatalogIndex = ReadonlyMap<string, ReadonlyMap<string, CatalogAction>>;

export const indexed = (tools: readonly CatalogTool[]): CatalogIndex =>
  new Map(tools.map((tool) => [tool.name, new Map(tool.actions.map((action) => [action.name, action]))]));

type ToolDocument = AgentPolicySpec["tools"][number];
type ActionDocument = NonNullable<ToolDocument["value"]["actions"]>[number];

const ruleAt = (at: Position): string => `${at.file}:${at.line}`;

/** An AgentPolicy as rules. */
export function lowerAgentPolicy(document: AgentPolicyDocument, at: Position, { timeZone, catalog }: Surroundings): Policy {
  const { metadata, spec } = document;
  const { name } = metadata;
  const { agents, purposes, delegation, egress, results, session, on_drift } = spec;
  const limits = spec.limits ?? [];
  const rates = limits.flatMap((entry) => agents.flatMap((agent) => lowerRate(entry, `agent/${agent}`)));
  return {
    name,
    rule: ruleAt(at),
    mode: spec.mode ?? "enforce",
    agents: [...agents],
    ...(purposes && { purposes: { rule: ruleAt(purposes.at), allowed: [...purposes.value] } }),
    ...(delegation && {
      delegation: {
        rule: ruleAt(delegation.at),
        ...(delegation.value.accept_from && { acceptFrom: [...delegation.value.accept_from] }),
        ...(delegation.value.max_depth !== undefined && { maxDepth: delegation.value.max_depth }),
        ...(delegation.value.authority && { authority: delegation.value.authority }),
      },
    }),
    ...(egress && {
      egress: { rule: ruleAt(egress.at), allow: egress.value.allow.map((entry) => ({ ...entry.value, rule: ruleAt(entry.at) })) },
    }),
    dlp: lowerDlp(spec.dlp),
    limits: limits.flatMap((entry) => agents.flatMap((agent) => lowerLimit(entry, accountsOf(entry.value, `agent/${agent}`), timeZone))),
    tools: spec.tools.map((tool) => lowerTool(tool, name, catalog)),
    ...(results && { results: lowerResults(results) }),
    ...(session && { session: lowerSession(session, name) }),
    ...(on_drift && { onDrift: { rule: ruleAt(on_drift.at), action: on_drift.value } }),
    ...(rates.length > 0 && { rates }),
  };
}

/** A bare agent document: parameters it does not mention are allowed, those it bounds are required. */
export function lowerBareAgent(document: BareAgentDocument, name: string, at: Position, { catalog }: Surroundings): Policy {
  const tools = document.allowed_tools.map(({ at: place, value }): ToolRules => {
    const parameters = (value.conditions ?? []).map((each): ParameterRule => ({ name: each.name, rule: ruleAt(each.at), ...each.value }));
    return {
      name: value.name,
      rule: ruleAt(place),
      deny: [],
      actions: value.actions.map((action) =>
        withDigest(name, value.name, {
          name: action.value,
          rule: ruleAt(action.at),
          mode: "enforce",
          parameters,
          additional: "allow",
          durability: durabilityOf(catalog, value.name, action.value),
          obligations: [],
        }),
      ),
    };
  });
  return { name, rule: ruleAt(at), mode: "enforce", agents: [document.agent.value], dlp: [], limits: [], tools };
}

export function lowerGovernance(spec: GovernanceSpec, at: Position): Governance {
  const { delegation, quotas, organisation } = spec;
  const timeZone = spec.time_zone ?? "UTC";
  const limits = spec.limits ?? [];
  const breaker = spec.circuit_breaker ?? (quotas?.circuit_breaker && { at: quotas.circuit_breaker.at, value: {} });
  const rates = limits.flatMap((entry) => lowerRate(entry, governedScope(entry.value)));
  const quota = (entry: { at: Position; value: number } | undefined, unit: Limit["unit"]): Limit[] =>
    entry === undefined ? [] : [{ rule: ruleAt(entry.at), scope: "prompt/*", unit, window: "prompt", limit: entry.value, timeZone }];
  return {
    rule: ruleAt(at),
    ...(delegation?.value.max_depth !== undefined && { maxDepth: delegation.value.max_depth }),
    ...(delegation?.value.token_ttl_seconds !== undefined && { tokenTtlSeconds: delegation.value.token_ttl_seconds }),
    ...(spec.require_justification === true && { requireJustification: true }),
    limits: [
      ...quota(quotas?.max_actions_per_prompt, "actions"),
      ...quota(quotas?.max_compute_tokens, "tokens"),
      ...limits.flatMap((entry) => lowerLimit(entry, accountsOf(entry.value, governedScope(entry.value)), timeZone)),
    ],
    ...(rates.length > 0 && { rates }),
    ...(spec.retry_unchanged && { retryUnchanged: spec.retry_unchanged.value }),
    ...(spec.require_approval === true && { requireApproval: true }),
    ...(breaker && { breaker: lowerBreaker(breaker.value, ruleAt(breaker.at)) }),
    ...(spec.member_of !== undefined && { memberOf: spec.member_of }),
    ...(spec.exchange_rates && { exchangeRates: lowerRates(spec.exchange_rates) }),
    ...(organisation && {
      organisation: {
        rule: ruleAt(organisation.at),
        members: [...organisation.value.members],
        limits: organisation.value.limits.flatMap((entry) => lowerLimit(entry, accounts.organisation, timeZone)),
      },
    }),
    settings: settingsOf(spec),
  };
}

const governedScope = ({ tool }: LimitDocument & { readonly tool?: string }) =>
  tool === undefined ? "tenant" : (`tool/${encodeURIComponent(tool)}` as const);

function lowerTool({ at, value }: ToolDocument, policy: string, catalog: CatalogIndex): ToolRules {
  return {
    name: value.name,
    rule: ruleAt(at),
    ...(value.justification !== undefined && { justification: value.justification }),
    ...(value.review_by !== undefined && { reviewBy: value.review_by }),
    deny: (value.deny ?? []).map(
      (entry): DenyRule => ({
        rule: ruleAt(entry.at),
        digest: digestOf({ policy, tool: value.name, deny: entry.value }),
        action: entry.value,
      }),
    ),
    actions: (value.actions ?? []).map((action) => lowerAction(action, policy, value.name, catalog)),
  };
}

function lowerAction({ at, value }: ActionDocument, policy: string, tool: string, catalog: CatalogIndex): ActionRule {
  const parameters = lowerParameters(value.parameters);
  const approval = value.approval && {
    rule: ruleAt(value.approval.at),
    queue: value.approval.value.queue ?? defaultApproval.queue,
    quorum: value.approval.value.quorum ?? defaultApproval.quorum,
    expiresSeconds: value.approval.value.expires ?? defaultApproval.expiresSeconds,
  };
  return withDigest(policy, tool, {
    name: value.name,
    rule: ruleAt(at),
    mode: value.mode ?? "enforce",
    parameters,
    additional: value.additional_parameters ?? "deny",
    ...(approval && { approval }),
    // With a parameter that names its own way out, `approval` only says where that way leads.
    ...(approval && !parameters.some((parameter) => parameter.beyond) && { approvalAlways: true as const }),
    ...(value.when && { when: { rule: ruleAt(value.when.at), expression: value.when.value } }),
    ...(value.cost?.usd !== undefined && costOf(value.cost.usd)),
    ...(value.cost?.money !== undefined && { costMoney: lowerPrice(value.cost.money) }),
    ...(value.cost?.tokens !== undefined && { costTokens: value.cost.tokens }),
    ...(value.results && { results: lowerResults(value.results) }),
    durability: value.durability ?? durabilityOf(catalog, tool, value.name),
    obligations: [...new Set(value.obligations ?? [])],
  });
}

function costOf(usd: NonNullable<NonNullable<ActionDocument["value"]["cost"]>["usd"]>): Pick<ActionRule, "costMicroUsd" | "costUsd"> {
  return typeof usd === "number" ? { costMicroUsd: usd } : { costUsd: usd };
}

/** The catalog's, where a rule names none. What a call costs is asked of the catalog later: a caller's own estimate comes before it. */
function durabilityOf(catalog: CatalogIndex, tool: string, action: string): ActionRule["durability"] {
  return catalog.get(tool)?.get(action)?.durability ?? "T1";
}

function withDigest(policy: string, tool: string, rule: Omit<ActionRule, "digest">): ActionRule {
  return { ...rule, digest: ruleDigest(policy, tool, rule) };
}

/** The meaning of a rule without its places: an edit elsewhere in the file leaves it as it was. */
function ruleDigest(policy: string, tool: string, rule: Omit<ActionRule, "digest">): Digest {
  const { rule: _, parameters, approval, when, results, ...meaning } = rule;
  return digestOf({
    ...meaning,
    policy,
    tool,
    parameters: parameters.map(withoutPlace),
    approval: approval && withoutPlace(approval),
    when: when?.expression.text,
    results: results && { dlp: results.dlp.map(withoutPlace), labels: results.labels },
  });
}

function withoutPlace<T extends { readonly rule: string }>({ rule: _, ...meaning }: T): Omit<T, "rule"> {
  return meaning;
}
