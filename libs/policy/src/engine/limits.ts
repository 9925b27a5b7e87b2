import type { BudgetUnit, BudgetWindow, Limit, PolicyContent, PolicySet } from "../ir.ts";

export interface Account {
  readonly scope: string;
  readonly unit: BudgetUnit;
  readonly window: BudgetWindow;
}

/** Every limit that is in force: governance's and those of enforced policies. */
export function limitsOf(content: PolicyContent | PolicySet): Limit[] {
  const { governance, policies } = "revision" in content ? content.policies : content;
  return [...governance.limits, ...policies.filter((policy) => policy.mode === "enforce").flatMap((policy) => policy.limits)];
}

/** The lowest limit on one account, in the account's unit; `undefined` when nothing bounds it. */
export function limitFor(content: PolicyContent | PolicySet, account: Account): number | undefined {
  return strictest(content, account)?.limit;
}

/** The lowest limit on one account, with its rule and time zone. */
export function strictest(content: PolicyContent | PolicySet, account: Account): Limit | undefined {
  let lowest: Limit | undefined;
  for (const limit of limitsOn(content, account)) if (lowest === undefined || limit.limit < lowest.limit) lowest = limit;
  return lowest;
}

/** What happens on one account before its limit is reached, in the account's unit. */
export interface SoftThresholds {
  /** From where on people are told. */
  readonly notify?: number;
  /** From where on a call needs a person, or has to keep to a pace. */
  readonly gate?: { readonly units: number; readonly action: "throttle" | "approval_needed" };
}

/** The lowest thresholds of all limits on one account; a person is asked before a pace is kept. */
export function softThresholds(content: PolicyContent | PolicySet, account: Account): SoftThresholds {
  let notify: number | undefined;
  let gate: SoftThresholds["gate"];
  for (const { soft } of limitsOn(content, account)) {
    if (soft?.action === "notify") notify = Math.min(notify ?? soft.units, soft.units);
    else if (soft && (gate === undefined || soft.units < gate.units || (soft.units === gate.units && soft.action === "approval_needed")))
      gate = { units: soft.units, action: soft.action };
  }
  return { ...(notify !== undefined && { notify }), ...(gate && { gate }) };
}

function limitsOn(content: PolicyContent | PolicySet, account: Account): Limit[] {
  return limitsOf(content).filter(
    (limit) => limit.unit === account.unit && limit.window === account.window && matchesScope(limit.scope, account.scope),
  );
}

/** The account names of calls. */
export const accounts = {
  tenant: "tenant",
  agent: (agent: string): string => `agent/${agent}`,
  tool: (tool: string): string => `tool/${encodeURIComponent(tool)}`,
  prompt: (promptId: string): string => `prompt/${encodeURIComponent(promptId)}`,
  promptAgent: (promptId: string, agent: string): string => `prompt/${encodeURIComponent(promptId)}/agent/${agent}`,
  session: (sessionId: string): string => `session/${encodeURIComponent(sessionId)}`,
};

/** Whether a limit's scope covers an account: segment by segment, where a trailing `*` stands for the rest of that one segment. */
export function matchesScope(pattern: string, scope: string): boolean {
  const wanted = pattern.split("/");
  const given = scope.split("/");
  return wanted.length === given.length && wanted.every((segment, index) => matchesName(segment, given[index]!));
}

/** Whether a name is the pattern, or starts with it up to its trailing `*`. */
export function matchesName(pattern: string, name: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}
