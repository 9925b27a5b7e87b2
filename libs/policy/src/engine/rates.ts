import type { EvaluationInput } from "../input.ts";
import type { PolicyContent, PolicySet, RateLimit } from "../ir.ts";
import { accounts, matchesName, matchesScope } from "./limits.ts";

/** Every rate that is in force: governance's and those of enforced policies. */
export function ratesOf(content: PolicyContent | PolicySet): RateLimit[] {
  const { governance, policies } = "revision" in content ? content.policies : content;
  return [...(governance.rates ?? []), ...policies.flatMap((policy) => (policy.mode === "enforce" ? (policy.rates ?? []) : []))];
}

/** The rates on one account, each once; empty when nothing bounds it. */
export function ratesFor(content: PolicyContent | PolicySet, scope: string): RateLimit[] {
  const found = new Map<string, RateLimit>();
  for (const rate of ratesOf(content)) {
    const key = `${rate.calls}/${rate.seconds}`;
    if (matchesScope(rate.scope, scope) && !found.has(key)) found.set(key, rate);
  }
  return [...found.values()];
}

const noScopes: readonly string[] = [];

/** The accounts whose rates a call of one agent must pass, prepared from the rates in force: a function of the call. */
export function planRates(rates: readonly RateLimit[], agent: string): (input: Pick<EvaluationInput, "tool">) => readonly string[] {
  const always = new Set<string>();
  const tools = new Set<string>();
  for (const { scope } of rates) {
    if (scope === accounts.tenant) always.add(scope);
    else if (scope.startsWith("agent/") && matchesName(scope.slice("agent/".length), agent)) always.add(accounts.agent(agent));
    else if (scope.startsWith("tool/")) tools.add(scope);
  }
  const scopes = always.size === 0 ? noScopes : [...always].sort();
  if (tools.size === 0) return () => scopes;
  return ({ tool }) => {
    const account = accounts.tool(tool);
    return tools.has(account) ? [...scopes, account] : scopes;
  };
}
