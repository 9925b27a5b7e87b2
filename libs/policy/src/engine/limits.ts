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
  for (const limit of limitsOf(content)) {
    if (limit.unit !== account.unit || limit.window !== account.window || !matchesScope(limit.scope, account.scope)) continue;
    if (lowest === undefined || limit.limit < lowest.limit) lowest = limit;
  }
  return lowest;
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
