import { type Digest, digestOf } from "@aegis/canonical/digest";
import type { ActionRule, DenyRule, Governance, Limit, ParameterRule, Policy, ToolRules } from "../ir.ts";
import type { AgentPolicyDocument, AgentPolicySpec } from "./agent-policy-document.ts";
import type { BareAgentDocument } from "./bare-agent-document.ts";
import { type GovernanceSpec, settingsOf } from "./governance-document.ts";
import { lowerLimit } from "./limit-document.ts";
import type { Position } from "./source.ts";

type ToolDocument = AgentPolicySpec["tools"][number];
type ActionDocument = NonNullable<ToolDocument["value"]["actions"]>[number];

export const defaultApproval = { queue: "default", quorum: 1, expiresSeconds: 1800 } as const;

const ruleAt = (at: Position): string => `${at.file}:${at.line}`;

/** An AgentPolicy as rules. `timeZone` is the tenant's: where a daily budget begins. */
export function lowerAgentPolicy(document: AgentPolicyDocument, at: Position, timeZone: string): Policy {
  const { metadata, spec } = document;
  const { name } = metadata;
  const { agents, purposes, delegation, egress } = spec;
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
    dlp: (spec.dlp ?? []).map(({ at: place, value }) => ({
      rule: ruleAt(place),
      detect: [...new Set(value.detect)],
      ...(value.in && { in: [...value.in] }),
      action: value.action,
    })),
    limits: (spec.limits ?? []).flatMap((entry) =>
      agents.flatMap((agent) => lowerLimit(entry, entry.value.budget === "daily" ? `agent/${agent}` : `prompt/*/agent/${agent}`, timeZone)),
    ),
    tools: spec.tools.map((tool) => lowerTool(tool, name)),
  };
}

/** A bare agent document: parameters it does not mention are allowed, those it bounds are required. */
export function lowerBareAgent(document: BareAgentDocument, name: string, at: Position): Policy {
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
          durability: "T1",
          obligations: [],
        }),
      ),
    };
  });
  return { name, rule: ruleAt(at), mode: "enforce", agents: [document.agent.value], dlp: [], limits: [], tools };
}

export function lowerGovernance(spec: GovernanceSpec, at: Position): Governance {
  const { delegation, quotas } = spec;
  const timeZone = spec.time_zone ?? "UTC";
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
      ...(spec.limits ?? []).flatMap((entry) => lowerLimit(entry, governedScope(entry.value), timeZone)),
    ],
    settings: settingsOf(spec),
  };
}

function governedScope({ budget, tool }: { readonly budget: "daily" | "prompt"; readonly tool?: string }): string {
  if (tool !== undefined) return `tool/${encodeURIComponent(tool)}`;
  return budget === "daily" ? "tenant" : "prompt/*";
}

function lowerTool({ at, value }: ToolDocument, policy: string): ToolRules {
  return {
    name: value.name,
    rule: ruleAt(at),
    ...(value.justification !== undefined && { justification: value.justification }),
    deny: (value.deny ?? []).map(
      (entry): DenyRule => ({
        rule: ruleAt(entry.at),
        digest: digestOf({ policy, tool: value.name, deny: entry.value }),
        action: entry.value,
      }),
    ),
    actions: (value.actions ?? []).map((action) => lowerAction(action, policy, value.name)),
  };
}

function lowerAction({ at, value }: ActionDocument, policy: string, tool: string): ActionRule {
  const parameters = (value.parameters ?? []).map(
    (entry): ParameterRule => ({ name: entry.name, rule: ruleAt(entry.value.at), ...entry.value.value }),
  );
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
    ...(value.cost && { costMicroUsd: value.cost.usd }),
    durability: value.durability ?? "T1",
    obligations: [...new Set(value.obligations ?? [])],
  });
}

function withDigest(policy: string, tool: string, rule: Omit<ActionRule, "digest">): ActionRule {
  return { ...rule, digest: ruleDigest(policy, tool, rule) };
}

/** The meaning of a rule without its places: an edit elsewhere in the file leaves it as it was. */
function ruleDigest(policy: string, tool: string, rule: Omit<ActionRule, "digest">): Digest {
  const { rule: _, parameters, approval, ...meaning } = rule;
  const { rule: __, ...route } = approval ?? { rule: "" };
  return digestOf({
    ...meaning,
    policy,
    tool,
    parameters: parameters.map(({ rule: ___, ...parameter }) => parameter),
    approval: approval && route,
  });
}
