import type { Charge, Cost, EvaluationInput } from "../input.ts";
import type { Limit } from "../ir.ts";
import { accounts } from "./limits.ts";
import { unitsOf } from "./money.ts";

/** Which accounts a call of one agent is charged to, prepared from the limits that apply to it. */
export interface ChargePlan {
  /** A limit per prompt, when there is one: calls without a prompt id cannot be held to it. */
  readonly promptLimit: Limit | undefined;
  charges(input: EvaluationInput, cost: Cost): Charge[];
}

type Line = Omit<Charge, "units" | "scope"> & { readonly scope: (input: EvaluationInput) => string | undefined };

/** One line for each account, however many limits bound it. */
export function planCharges(limits: readonly Limit[]): ChargePlan {
  const lines = new Map<string, Line>();
  for (const { scope, unit, window } of limits) {
    // Patterns of agents that cover one agent are one account of it.
    const kind = scope.replace(/agent\/.*$/, "agent");
    lines.set(`${kind} ${unit} ${window}`, { scope: scopeOf(scope), unit, window });
  }
  const planned = [...lines.values()];
  return {
    promptLimit: limits.find((limit) => limit.window === "prompt"),
    charges: (input, cost) => {
      const charges: Charge[] = [];
      for (const line of planned) {
        const scope = line.scope(input);
        if (scope === undefined) continue;
        charges.push({ scope, unit: line.unit, window: line.window, units: unitsOf(line.unit, cost) });
      }
      return charges;
    },
  };
}

/** What a call of a member is charged to its organisation: one line for each account, however many limits bound it. */
export function organisationCharges(organisation: string, limits: readonly Limit[], cost: Cost): Charge[] {
  const scope = accounts.organisationNamed(organisation);
  const lines = new Map(limits.map(({ unit, window }) => [`${unit} ${window}`, { unit, window }]));
  return [...lines.values()].map(({ unit, window }) => ({ scope, unit, window, units: unitsOf(unit, cost) }));
}

function scopeOf(pattern: string): Line["scope"] {
  if (pattern === "tenant") return () => accounts.tenant;
  if (pattern.startsWith("agent/")) return ({ principal }) => accounts.agent(principal.agent);
  if (pattern.startsWith("tool/")) return ({ tool }) => (accounts.tool(tool) === pattern ? pattern : undefined);
  const [kind, , part, name = ""] = pattern.split("/");
  return ({ principal, context, tool }) => {
    const id = kind === "prompt" ? context.promptId : context.sessionId;
    // A call without a prompt id is refused before it is charged. One without a session's names an account that nobody can have.
    if (kind === "prompt" && (id === undefined || id === "")) return undefined;
    if (part === "tool" && encodeURIComponent(tool) !== name) return undefined;
    const whole = kind === "prompt" ? accounts.prompt(id ?? "") : accounts.session(id ?? "");
    return part === undefined ? whole : `${whole}/${part === "agent" ? accounts.agent(principal.agent) : accounts.tool(tool)}`;
  };
}
