import type { Context } from "../context.ts";
import { control, query } from "./control.ts";
import type { Proposed } from "./proposals.ts";

/** What a kill switch did, as token tells it. */
export interface Stopped {
  readonly kind: "agent" | "owner" | "tenant";
  readonly tenant: string;
  readonly name: string;
  readonly state: "revoked";
  readonly agents?: readonly string[];
  readonly journaled: boolean;
  readonly orderedAt: string;
  readonly durableMs: number;
  readonly tookMs?: number;
  readonly confirmed: number;
  readonly replicas: readonly { readonly replica: string; readonly how?: "push" | "poll"; readonly ms?: number }[];
}

/** Revokes an agent, all of an owner's, or a whole tenant, and waits up to `seconds` for the replicas to confirm it. */
export async function stopAll(
  context: Context,
  target: Pick<Stopped, "kind" | "tenant" | "name">,
  seconds: number,
): Promise<Stopped | Proposed> {
  const { kind, tenant, name } = target;
  const service = await control(context, "token", { role: "soc", tenant });
  const waiting = query({ waitMs: Math.round(seconds * 1_000), ...(kind === "tenant" ? {} : { tenant }) });
  const path = `/v1/${kind}s/${encodeURIComponent(name)}:revoke${waiting}`;
  const answer = await service.json<(Stopped | Proposed) & { stopped?: Stopped }>(path, {
    method: "POST",
    timeoutMs: (seconds + 30) * 1_000,
  });
  // Only an agent's answer shows the registration, too.
  return answer.stopped ?? answer;
}

/** A delegated token that still lives, as token recorded it. */
export interface Delegation {
  readonly tokenId: string;
  readonly agent: string;
  readonly chain: readonly string[];
  readonly scope: string;
  readonly depth: number;
  readonly expiresAt: string;
  readonly revoked: boolean;
}

export async function delegationsOf(context: Context, tenant: string, agent: string): Promise<Delegation[]> {
  const service = await control(context, "token", { role: "auditor", tenant });
  const path = `/v1/agents/${encodeURIComponent(agent)}/delegations${query({ tenant })}`;
  return (await service.json<{ delegations: Delegation[] }>(path)).delegations;
}
