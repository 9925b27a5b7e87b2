import { permits } from "@aegis/identity/scope";
import type { Context } from "../context.ts";
import type { RegisteredAgent } from "./agents.ts";
import { control, query } from "./control.ts";

/** An agent of the inventory, with what the ledger says of its calls. */
export interface InventoryEntry extends RegisteredAgent {
  readonly lastIssuedAt?: string;
  readonly unjustified: readonly string[];
  readonly overdue: readonly string[];
  /** When it last made a call, as far back as was looked. */
  readonly lastCallAt?: string;
  /** Items of its scope that no call it was allowed has needed. */
  readonly unused: readonly string[];
}

interface Usage {
  readonly agent: string;
  readonly tool: string;
  readonly action: string;
  readonly decision: string;
  readonly dryRun: boolean;
  readonly last: string;
}

/** Every agent of the tenant with its use: tokens as token recorded them, calls of the last `days` as audit's ledger has them. */
export async function inventoryOf(context: Context, tenant: string, days: number): Promise<InventoryEntry[]> {
  const [token, audit] = await Promise.all([
    control(context, "token", { role: "auditor", tenant }),
    control(context, "audit", { role: "auditor", tenant }),
  ]);
  const now = Date.now();
  const window = { tenant, from: new Date(now - days * 86_400_000).toISOString(), to: new Date(now + 60_000).toISOString() };
  const { usage } = await audit.json<{ usage: Usage[] }>(`/v1/decisions:usage${query(window)}`);
  const entries: InventoryEntry[] = [];
  for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
    const path = `/v1/inventory${query({ tenant, limit: 500, cursor })}`;
    const page = await token.json<{ agents: InventoryEntry[]; next?: string }>(path);
    entries.push(...page.agents.map((entry) => withUse(entry, usage)));
    cursor = page.next;
  }
  return entries;
}

/** An entry with what the agent's calls needed. Calls that were refused, and dry runs, need nothing. */
export function withUse(entry: Omit<InventoryEntry, "unused">, usage: readonly Usage[]): InventoryEntry {
  const own = usage.filter(({ agent, dryRun }) => agent === entry.agent && !dryRun);
  const allowed = own.filter(({ decision }) => decision === "allow" || decision === "sanitize");
  const last = own
    .map((one) => one.last)
    .sort()
    .at(-1);
  return {
    ...entry,
    ...(last === undefined ? {} : { lastCallAt: last }),
    unused: entry.scope.filter((item) => !allowed.some(({ tool, action }) => permits([item], tool, action))),
  };
}
