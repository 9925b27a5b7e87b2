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
  const { governance, policies } = "revision" in content ? content.policies : content;
  const agent = agentOf(account.scope);
  if (account.scope === accounts.organisation) return onAccount(governance.organisation?.limits ?? [], account);
  const lists = [governance.limits, ...policies.flatMap(({ mode, limits }) => (mode === "enforce" && limits.length > 0 ? [limits] : []))];
  return onAccount(
    lists.flatMap((limits) => limitsAbout(limits, agent)),
    account,
  );
}

const onAccount = (limits: readonly Limit[], { scope, unit, window }: Account): Limit[] =>
  limits.filter((limit) => limit.unit === unit && limit.window === window && matchesScope(limit.scope, scope));

/** The organisation's name in a scope as a call of its members names it. */
export const organisationIn = (scope: string): string | undefined => (scope.startsWith("org/") ? scope.slice("org/".length) : undefined);

interface LimitIndex {
  /** Positions of the limits that name one agent in full. */
  readonly named: ReadonlyMap<string, readonly number[]>;
  /** Of all others: whoever's they are has to be tried. */
  readonly others: readonly number[];
}

/** Lists of limits do not change, and a policy of many agents has one for each: each list is sorted out once. */
const indexes = new WeakMap<readonly Limit[], LimitIndex>();

/** The limits of a list that can bound calls of an agent, in source order; without an agent, those that name none. */
export function limitsAbout(limits: readonly Limit[], agent: string | undefined): readonly Limit[] {
  const { named, others } = indexOf(limits);
  const positions = [
    ...((agent === undefined ? undefined : named.get(agent)) ?? []),
    ...others.filter((at) => appliesTo(limits[at]!, agent)),
  ];
  return positions.sort((a, b) => a - b).map((at) => limits[at]!);
}

function indexOf(limits: readonly Limit[]): LimitIndex {
  const known = indexes.get(limits);
  if (known) return known;
  const [named, others] = [new Map<string, number[]>(), [] as number[]];
  for (const [at, { scope }] of limits.entries()) {
    const agent = agentOf(scope);
    if (agent === undefined || agent.endsWith("*")) others.push(at);
    else named.set(agent, [...(named.get(agent) ?? []), at]);
  }
  const index = { named, others };
  indexes.set(limits, index);
  return index;
}

/** Whether a limit can bound calls of an agent; without one, whether it names none. */
export function appliesTo({ scope }: Limit, agent: string | undefined): boolean {
  const pattern = agentOf(scope);
  return pattern === undefined || (agent !== undefined && matchesName(pattern, agent));
}

/** The agent that a scope names, or its pattern. */
function agentOf(scope: string): string | undefined {
  const at = scope.lastIndexOf("agent/");
  return at === 0 || (at > 0 && scope[at - 1] === "/") ? scope.slice(at + "agent/".length) : undefined;
}

/** The account names of calls. */
export const accounts = {
  /** An organisation's own, among its accounts. */
  organisation: "org",
  /** The same, as a call of one of its members names it. */
  organisationNamed: (organisation: string): string => `org/${organisation}`,
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
