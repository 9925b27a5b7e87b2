import type { DecisionName, Reason, ReasonCode } from "@aegis/contracts/reasons";
import type { EvaluationInput } from "../input.ts";
import type { Policy } from "../ir.ts";
import type { Effect } from "./outcome.ts";
import type { Snapshot } from "./snapshot.ts";

/** The stages of an evaluation, in order. */
export const stages = [
  "identity",
  "delegation",
  "purpose",
  "tool and action",
  "parameters",
  "condition",
  "destination",
  "session",
  "drift",
  "data",
  "approval",
  "budget",
] as const;
export type Stage = (typeof stages)[number];

/** How a verdict came about, for people. */
export interface Explanation extends Account {
  /** The policies that are about the agent, in source order. */
  readonly policies: readonly { readonly name: string; readonly rule: string; readonly mode: Policy["mode"] }[];
  /** Their rules for this tool and action. A rule of a policy in shadow is in shadow. */
  readonly rules: readonly { readonly policy: string; readonly rule: string; readonly mode: Policy["mode"] }[];
  /** What enforcement of everything in shadow would have said; absent when nothing in shadow applies. */
  readonly shadow?: Account;
}

export interface Account {
  readonly decision: DecisionName;
  /** What decided; absent when nothing stood in the way. */
  readonly decidedBy?: Reason;
  readonly stages: readonly StageOutcome[];
}

export interface StageOutcome {
  readonly stage: Stage;
  /** `not reached`: an earlier stage ended the evaluation. */
  readonly outcome: "passed" | "refused" | "asks" | "noted" | "not reached";
  readonly reasons: readonly Reason[];
}

/** Decides a call, and says how. Pure. */
export function explain(snapshot: Snapshot, input: EvaluationInput): Explanation {
  const { verdict, policies, effects, shadowEffects } = snapshot.assess(input);
  return {
    ...accountOf(verdict.decision, verdict.reasons, effects, policies.length > 0),
    policies: policies.map(({ name, rule, mode }) => ({ name, rule, mode })),
    rules: policies.flatMap((policy) => rulesOf(policy, input)),
    ...(verdict.shadow && { shadow: accountOf(verdict.shadow.decision, verdict.shadow.reasons, shadowEffects, true) }),
  };
}

/** An explanation as lines of plain text. */
export function explanationLines({ policies, rules, shadow, ...account }: Explanation): string[] {
  return [
    policies.length === 0 ? "no policy is about the agent" : "policies about the agent:",
    ...policies.map(({ name, rule, mode }) => `  ${name} (${rule})${mode === "shadow" ? ", in shadow" : ""}`),
    rules.length === 0 ? "no rule is about the call" : "rules about the call:",
    ...rules.map(({ policy, rule, mode }) => `  ${rule} of ${policy}${mode === "shadow" ? ", in shadow" : ""}`),
    ...accountLines(account),
    ...(shadow ? ["", "were everything in shadow enforced:", ...accountLines(shadow).map((line) => `  ${line}`)] : []),
  ];
}

function accountLines({ decision, decidedBy, stages: outcomes }: Account): string[] {
  const width = Math.max(...stages.map(({ length }) => length));
  return [
    ...outcomes.flatMap(({ stage, outcome, reasons }) => [
      `${stage.padEnd(width)}  ${outcome}`,
      ...reasons.map((reason) => `${" ".repeat(width)}    ${said(reason)}`),
    ]),
    decidedBy === undefined ? `${decision}: nothing stands in the way` : `${decision}: ${said(decidedBy)}`,
  ];
}

function said({ code, message, pointer, rule }: Reason): string {
  return `${code}${pointer === undefined ? "" : ` ${pointer}`}: ${message}${rule === undefined ? "" : ` (${rule})`}`;
}

function rulesOf({ name, mode, tools }: Policy, { tool, action }: EvaluationInput): Explanation["rules"] {
  const actions = tools.filter((each) => each.name === tool).flatMap((each) => each.actions.filter((rule) => rule.name === action));
  return actions.map((rule) => ({ policy: name, rule: rule.rule, mode: mode === "shadow" ? mode : rule.mode }));
}

/** What decides at each decision: the first reason with this effect. */
const deciding: Readonly<Record<DecisionName, Effect | undefined>> = {
  deny: "deny",
  approval_needed: "ask",
  sanitize: "note",
  allow: undefined,
};

/** `known`: some policy is about the agent; then a policy that is missing is that of an earlier actor. */
function accountOf(decision: DecisionName, reasons: readonly Reason[], effects: readonly Effect[], known: boolean): Account {
  const effect = deciding[decision];
  const decidedBy = reasons.find(({ code }, at) => effects[at] === effect && (effect !== "note" || code === "pii_found"));
  const stageOf = ({ code }: Reason): Stage => (known && code === "policy_missing" ? "delegation" : stageNamed(code));
  const last = reasons.find(({ code }) => ending.has(code) || (!known && code === "policy_missing"));
  const lastStage = last && stages.indexOf(stageOf(last));
  const outcomes = stages.map((stage, at): StageOutcome => {
    if (lastStage !== undefined && at > lastStage) return { stage, outcome: "not reached", reasons: [] };
    const own = reasons.filter((reason) => stageOf(reason) === stage);
    const worst = reasons.flatMap((reason, index) => (stageOf(reason) === stage ? [effects[index]!] : []));
    return { stage, outcome: outcomeOf(worst), reasons: own };
  });
  return { decision, ...(decidedBy && { decidedBy }), stages: outcomes };
}

function outcomeOf(effects: readonly Effect[]): StageOutcome["outcome"] {
  if (effects.includes("deny")) return "refused";
  if (effects.includes("ask")) return "asks";
  return effects.length > 0 ? "noted" : "passed";
}

/** What ends an evaluation; all other stages are gone through. */
const ending: ReadonlySet<ReasonCode> = new Set(["token_expired", "delegation_depth", "delegation_source"]);

const stageByCode: Readonly<Partial<Record<ReasonCode, Stage>>> = {
  token_expired: "identity",
  policy_missing: "identity",
  delegation_depth: "delegation",
  delegation_source: "delegation",
  purpose_not_allowed: "purpose",
  tool_not_allowed: "tool and action",
  action_not_allowed: "tool and action",
  explicitly_denied: "tool and action",
  scope_missing: "tool and action",
  condition_false: "condition",
  egress_blocked: "destination",
  session_flow: "session",
  drift_detected: "drift",
  pii_found: "data",
  approval_required: "approval",
  prompt_missing: "budget",
  budget_exhausted: "budget",
};

function stageNamed(code: ReasonCode): Stage {
  return stageByCode[code] ?? (code.startsWith("parameter_") ? "parameters" : "identity");
}
