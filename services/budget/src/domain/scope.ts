import type { BudgetUnit, BudgetWindow, PolicyContent } from "@aegis/policy/ir";
import { accounts, limitsOf, matchesName, matchesScope } from "@aegis/policy/limits";

/** `tenant`, `agent/<a>`, `tool/<t>`; an organisation's own `org`, which its members' calls name `org/<organisation>`; `prompt/<p>` or `session/<s>`, which `/agent/<a>` or `/tool/<t>` may follow; names percent-encoded. */
export const scopePattern =
  /^(?:tenant|org(?:\/[a-z0-9-]{1,63})?|agent\/[a-z0-9-]{1,63}|tool\/[^/\s]{1,400}|(?:prompt|session)\/[^/\s]{1,400}(?:\/agent\/[a-z0-9-]{1,63}|\/tool\/[^/\s]{1,400})?)$/;

/** Who used something outside a tool call. */
export interface User {
  readonly agent: string;
  readonly promptId?: string | undefined;
  readonly sessionId?: string | undefined;
}

/** The scopes that usage outside a tool call counts on, as far as it is known whose it was. */
export function scopesOfUsage({ agent, promptId, sessionId }: User): string[] {
  const own = accounts.agent(agent);
  const within = (whole: string) => [whole, `${whole}/${own}`];
  return [
    ...[accounts.tenant, own],
    ...(promptId ? within(accounts.prompt(promptId)) : []),
    ...(sessionId ? within(accounts.session(sessionId)) : []),
  ];
}

/** The id of the prompt whose own account or breaker a scope names. */
export function nameOfPrompt(scope: string): string | undefined {
  const id = /^prompt\/([^/]+)$/.exec(scope)?.[1];
  return id === undefined ? undefined : decodeURIComponent(id);
}

/** An account of a tenant that is known from elsewhere. */
export interface NamedAccount {
  readonly scope: string;
  readonly unit: BudgetUnit;
  readonly window: BudgetWindow;
}

/** Which accounts somebody asks to see: all of a tenant's, or those of one agent, one prompt, or both. */
export interface Interest {
  readonly agent?: string | undefined;
  readonly promptId?: string | undefined;
}

/** Whether an account is among those asked for. */
export function concerns(interest: Interest, scope: string): boolean {
  const { agent, promptId } = interest;
  if (agent === undefined && promptId === undefined) return true;
  const segments = scope.split("/");
  const prompt = promptId === undefined ? undefined : accounts.prompt(promptId);
  if (prompt !== undefined && (scope === prompt || scope.startsWith(`${prompt}/`)))
    return agent === undefined || scope === prompt || segments[3] === agent;
  return agent !== undefined && scope === accounts.agent(agent);
}

/** The accounts that policies bound by name, or that a wanted agent or prompt gives a name to. */
export function namedAccounts(content: PolicyContent, interest: Interest): NamedAccount[] {
  const found = new Map<string, NamedAccount>();
  const shared = content.policies.governance.organisation?.limits ?? [];
  for (const { scope: pattern, unit, window } of [...limitsOf(content), ...shared]) {
    const scope = fill(pattern, interest);
    if (scope !== undefined && concerns(interest, scope)) found.set(`${scope}\n${unit}\n${window}`, { scope, unit, window });
  }
  return [...found.values()];
}

/** The accounts with one of these scopes that policies bound. */
export function accountsNamed(content: PolicyContent, scopes: readonly string[]): NamedAccount[] {
  const found = new Map<string, NamedAccount>();
  for (const { scope: pattern, unit, window } of limitsOf(content)) {
    for (const scope of scopes) if (matchesScope(pattern, scope)) found.set(`${scope}\n${unit}\n${window}`, { scope, unit, window });
  }
  return [...found.values()];
}

/** A pattern with its wildcards filled in; undefined when nobody said with what. */
function fill(pattern: string, { agent, promptId }: Interest): string | undefined {
  const segments = pattern.split("/");
  const filled = segments.map((segment, index) => {
    const kind = segments[index - 1];
    const name = kind === "agent" ? agent : kind === "prompt" && promptId !== undefined ? encodeURIComponent(promptId) : undefined;
    if (name !== undefined && matchesName(segment, name)) return name;
    return segment.endsWith("*") ? undefined : segment;
  });
  return filled.includes(undefined) ? undefined : filled.join("/");
}
