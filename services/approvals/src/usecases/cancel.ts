import { AegisError } from "@aegis/contracts/errors";
import { decide } from "#domain/approval.ts";
import { notFound } from "./find.ts";
import type { ApprovalRecord, Ports } from "./ports.ts";
import { report } from "./report.ts";

/** Cancels whatever an agent still waits for: one that is revoked has nothing to ask. */
export async function cancelAllOf(
  ports: Pick<Ports, "approvals" | "clock" | "signals">,
  agent: { readonly tenant: string; readonly agent: string; readonly by: string },
): Promise<void> {
  for (const id of await ports.approvals.openOf(agent.tenant, agent.agent)) {
    const changed = await ports.approvals.change(agent.tenant, id, (approval) =>
      decide(approval, { type: "cancel", by: agent.by, at: ports.clock.now().getTime() }),
    );
    if (changed !== undefined) report(ports.signals, changed);
  }
}

/**
 * Takes one request back; a handed-out override is void with it.
 *
 * @throws AegisError `not_found`; `conflict` when it is decided, expired or spent.
 */
export async function cancel(
  ports: Pick<Ports, "approvals" | "clock" | "signals">,
  { tenant, id, by, comment }: { readonly tenant: string; readonly id: string; readonly by: string; readonly comment: string },
): Promise<ApprovalRecord> {
  const changed = await ports.approvals.change(tenant, id, (approval) =>
    decide(approval, { type: "cancel", by, comment, at: ports.clock.now().getTime() }),
  );
  if (changed === undefined) throw notFound(id);
  report(ports.signals, changed);
  const { outcome, approval } = changed;
  if (outcome.refused !== undefined) {
    throw new AegisError("conflict", `this approval is already ${approval.state}`, { details: { state: approval.state } });
  }
  return approval;
}
