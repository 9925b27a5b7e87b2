import { decide } from "#domain/approval.ts";
import type { Ports } from "./ports.ts";
import { report } from "./report.ts";

/** Cancels whatever an agent still waits for: one that is revoked has nothing to ask. */
export async function cancelAllOf(
  ports: Pick<Ports, "approvals" | "clock" | "signals">,
  agent: { readonly tenant: string; readonly agent: string; readonly by: string },
): Promise<void> {
  const at = ports.clock.now().getTime();
  for (const id of await ports.approvals.openOf(agent.tenant, agent.agent)) {
    const changed = await ports.approvals.change(agent.tenant, id, (approval) => decide(approval, { type: "cancel", by: agent.by, at }));
    if (changed !== undefined) report(ports.signals, changed);
  }
}
