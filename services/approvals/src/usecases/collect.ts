import { AegisError } from "@aegis/contracts/errors";
import { overrideLifetimeMs } from "#domain/approval.ts";
import { bindingInstance } from "#domain/instance.ts";
import { notFound } from "./find.ts";
import type { Ports } from "./ports.ts";

/** The agent that collects: its verified token's claims. */
export interface Collector {
  readonly tenant: string;
  readonly agent: string;
  readonly instance: string;
}

/**
 * Hands the one-time token of an approved call to the agent that asked: once, and never again.
 *
 * @throws AegisError `not_found`, also for another agent's; `precondition_failed` while it is not approved; `conflict` when it was handed out.
 */
export async function collect(
  ports: Pick<Ports, "approvals" | "overrides" | "tokens" | "clock">,
  id: string,
  collector: Collector,
): Promise<{ readonly token: string; readonly expiresAt: number }> {
  const { tenant, agent } = collector;
  const instance = bindingInstance(collector.instance);
  const approval = await ports.approvals.find(id, tenant);
  if (approval === undefined || approval.requester.agent !== agent) throw notFound(id);
  if (!(await ports.overrides.askedBy(tenant, approval.id, instance))) {
    throw new AegisError("permission_denied", "another instance of this agent asked for this approval");
  }
  const token = ports.tokens.mint();
  const now = ports.clock.now().getTime();
  const expiresAt = now + overrideLifetimeMs;
  const handed = { tenant, approvalId: approval.id, agent, instance, hash: ports.tokens.hash(token), now, expiresAt };
  if (await ports.overrides.collect(handed)) return { token, expiresAt };
  throw await whyNot(ports, approval.id, tenant, now);
}

async function whyNot(ports: Pick<Ports, "approvals">, id: string, tenant: string, now: number): Promise<AegisError> {
  const approval = await ports.approvals.find(id, tenant);
  if (approval === undefined) return notFound(id);
  const { state } = approval;
  if (state === "redeemed" || (state === "approved" && now < approval.expiresAt)) {
    return new AegisError("conflict", "this approval's override was already handed out", { details: { state } });
  }
  return new AegisError("precondition_failed", `this approval is ${state === "approved" ? "expired" : state}`, { details: { state } });
}
