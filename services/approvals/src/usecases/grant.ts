import { AegisError } from "@aegis/contracts/errors";
import type { Bound, Grant, HeldCall } from "#domain/grant.ts";
import type { Backed, GrantPorts, GrantUse } from "./grant-ports.ts";
import type { ApprovalRecord, Ports } from "./ports.ts";

type Needs = GrantPorts & Pick<Ports, "clock">;

/** What a person grants beyond the one call they were asked for. */
export interface Terms {
  readonly bounds: Readonly<Record<string, Bound>>;
  readonly maxUses: number;
  readonly expiresInSeconds: number;
  /** Also when the agent acts on behalf of somebody else than this time. */
  readonly anySubject: boolean;
  readonly comment: string;
}

/**
 * Proposes standing leave for calls like the one held here; it is live once as many people back it as that call needed.
 *
 * @throws AegisError `permission_denied` for one's own request.
 */
export async function propose(ports: Needs, approval: ApprovalRecord, user: string, terms: Terms): Promise<Grant> {
  const now = ports.clock.now().getTime();
  const { tenant, requester, tool, action, ruleDigest, queue, quorum } = approval;
  const proposal = {
    id: ports.newId(),
    approvalId: approval.id,
    ...{ tenant, tool, action, ruleDigest, queue, quorum },
    agent: requester.agent,
    subject: terms.anySubject ? undefined : requester.subject,
    bounds: terms.bounds,
    maxUses: terms.maxUses,
    comment: terms.comment,
    createdAt: now,
    expiresAt: now + terms.expiresInSeconds * 1000,
  };
  return accepted(await ports.grants.propose(proposal, user, now), proposal.id);
}

/**
 * Stands behind what somebody else proposed.
 *
 * @throws AegisError `not_found`; `permission_denied` for one's own request; `conflict` when it is no longer open.
 */
export async function backGrant(ports: Needs, { tenant, id }: Pick<Grant, "tenant" | "id">, user: string): Promise<Grant> {
  return accepted(await ports.grants.back(tenant, id, user, ports.clock.now().getTime()), id);
}

function accepted(backed: Backed | undefined, id: string): Grant {
  if (backed === undefined) throw grantNotFound(id);
  if (backed.backing === "own_request")
    throw new AegisError(
      "permission_denied",
      "nobody grants leave for their own requests, their own agent's, or what their own policy holds",
    );
  if (backed.backing === "not_open") throw new AegisError("conflict", "this grant is no longer open");
  return backed.grant;
}

/** @throws AegisError `not_found`. */
export async function revokeGrant(ports: Needs, { tenant, id }: Pick<Grant, "tenant" | "id">, by: string): Promise<Grant> {
  const grant = await ports.grants.revoke(tenant, id, by, ports.clock.now().getTime());
  if (grant === undefined) throw grantNotFound(id);
  return grant;
}

/** The grant that lets a held call pass; it is not used up by asking. */
export function findGrant(ports: Needs, tenant: string, call: HeldCall): Promise<Grant | undefined> {
  return ports.grants.covering(tenant, call, ports.clock.now().getTime());
}

/** Uses a grant for one decision. */
export async function useGrant(ports: Needs & Pick<Ports, "signals">, use: GrantUse): Promise<Grant | undefined> {
  const grant = await ports.grants.use(use, ports.clock.now().getTime());
  ports.signals.grantUsed(grant === undefined ? "refused" : "used");
  return grant;
}

export const grantNotFound = (id: string) => new AegisError("not_found", `there is no grant ${id}`);
