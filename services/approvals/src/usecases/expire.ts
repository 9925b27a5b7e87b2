import { decide } from "#domain/approval.ts";
import type { Ports } from "./ports.ts";
import { report } from "./report.ts";

const batch = 100;

/** Expires what is due, a batch at a time. Another replica doing the same is harmless: each row is decided on its own state. Resolves to how many it expired. */
export async function expire(ports: Pick<Ports, "approvals" | "clock" | "signals">): Promise<number> {
  const at = ports.clock.now().getTime();
  let expired = 0;
  for (const { tenant, id } of await ports.approvals.due(at, batch)) {
    const changed = await ports.approvals.change(tenant, id, (approval) => decide(approval, { type: "expire", at }));
    if (changed === undefined) continue;
    report(ports.signals, changed);
    expired += changed.outcome.changes.length;
  }
  return expired;
}
