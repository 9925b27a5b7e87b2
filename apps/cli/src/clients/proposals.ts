import type { Context } from "../context.ts";
import type { RegisteredAgent } from "./agents.ts";
import { control, query } from "./control.ts";
import type { Stopped } from "./stops.ts";

/** What waits for a second person. */
export interface Proposal {
  readonly id: string;
  readonly tenant: string;
  readonly action: "revoke-tenant" | "rotate-key" | "widen-scope";
  readonly change: { readonly agent?: string; readonly ceiling?: { readonly scope: readonly string[] } };
  readonly by: string;
  readonly expiresAt: string;
  readonly approver?: string;
}

/** An answer of an action that may wait for somebody else. */
export interface Proposed {
  readonly proposed: Proposal;
}

export const isProposed = (answer: object): answer is Proposed => "proposed" in answer;

/** Gives an agent another ceiling; what is left out of `scope` and `mayAct` it has no longer. */
export async function changeCeiling(
  context: Context,
  tenant: string,
  agent: string,
  ceiling: { readonly scope: readonly string[]; readonly mayAct: readonly string[] },
): Promise<(RegisteredAgent & { revokedTokens: number }) | Proposed> {
  const service = await control(context, "token", { role: "admin", tenant });
  return service.json(`/v1/agents/${encodeURIComponent(agent)}/ceiling`, { method: "PUT", json: { tenant, ...ceiling } });
}

export async function openProposals(context: Context, tenant: string): Promise<Proposal[]> {
  const service = await control(context, "token", { role: tenant === "*" ? "admin" : "auditor", tenant });
  return (await service.json<{ proposals: Proposal[] }>(`/v1/proposals${query({ tenant })}`)).proposals;
}

/** Agrees as `user`, and has it done. */
export async function approveProposal(
  context: Context,
  tenant: string,
  id: string,
  user: string | undefined,
): Promise<{ proposal: Proposal; stopped?: Stopped }> {
  const service = await control(context, "token", { role: "admin", tenant, user });
  return service.json(`/v1/proposals/${encodeURIComponent(id)}:approve${query({ tenant, waitMs: 10_000 })}`, { method: "POST" });
}
