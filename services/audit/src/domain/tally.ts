import type { Candidate } from "./candidate.ts";
import { isObject } from "./candidate.ts";

/** What new entries say about a tenant's business. */
interface TenantTally {
  /** Decisions by "<decision> <policy>", `policy` telling how the policy stood: in force, on trial, or absent. Dry runs do not count. */
  readonly decisions: ReadonlyMap<string, number>;
  /** Calls that a policy on trial would not have let through as they were. */
  readonly wouldDeny: number;
  /** Of calls that went ahead, as estimated. */
  readonly microUsd: number;
  readonly tokens: number;
  /** By "executed", "failed" and "rolled_back". */
  readonly outcomes: ReadonlyMap<string, number>;
}

export interface Tally {
  readonly tenants: ReadonlyMap<string, TenantTally>;
  /** What happened to policies, identities, approvals and budgets, e.g. "policy.promoted". */
  readonly control: ReadonlyMap<string, number>;
}

/** Counts a batch of new entries. */
export function tally(added: readonly Candidate[]): Tally {
  const control = new Map<string, number>();
  for (const { kind, fields } of added) {
    const [, , noun, verb] = String(fields.type).split(".");
    if (kind === "control" && noun && verb) count(control, `${noun}.${verb}`);
  }
  return { control, tenants: new Map([...Map.groupBy(added, ({ tenant }) => tenant)].map(([tenant, own]) => [tenant, ofTenant(own)])) };
}

function ofTenant(added: readonly Candidate[]): TenantTally {
  const [decisions, outcomes] = [new Map<string, number>(), new Map<string, number>()];
  let [wouldDeny, microUsd, tokens] = [0, 0, 0];
  for (const { kind, fields } of added) {
    const data = isObject(fields.data) ? fields.data : {};
    if (kind === "outcome") count(outcomes, String(data.outcome));
    if (kind !== "decision" || data.dryRun === true) continue;
    const shadow = isObject(data.shadow) ? data.shadow : undefined;
    count(decisions, `${data.decision} ${shadow ? "shadow" : isUngoverned(data) ? "none" : "enforced"}`);
    if (shadow !== undefined && shadow.decision !== "allow") wouldDeny++;
    const cost = isObject(data.cost) ? data.cost : {};
    microUsd += amount(cost.microUsd);
    tokens += amount(cost.tokens);
  }
  return { decisions, wouldDeny, microUsd, tokens, outcomes };
}

const isUngoverned = ({ reasons }: Readonly<Record<string, unknown>>): boolean =>
  Array.isArray(reasons) && reasons.some((reason) => isObject(reason) && reason.code === "policy_missing");

const amount = (value: unknown): number => (Number.isSafeInteger(value) && (value as number) > 0 ? (value as number) : 0);

const count = (counts: Map<string, number>, key: string): void => void counts.set(key, (counts.get(key) ?? 0) + 1);
