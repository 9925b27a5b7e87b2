import { handOut, isOut } from "./hand-out.ts";
import type { Ports } from "./ports.ts";

/**
 * Brings everything that is handed out to what the database holds: what a crash left pending, heads that are about to expire, and
 * everything when NATS came back empty. One tenant's failure does not hold up the others. Resolves to how many failed.
 */
export async function reconcile(ports: Ports, options: { thorough: boolean }): Promise<number> {
  let failed = 0;
  for (const row of await ports.revisions.heads()) {
    try {
      if (options.thorough || !(await isOut(ports, row))) await handOut(ports, row.tenant, options);
    } catch (error) {
      failed++;
      ports.signals.handOutFailed(row.tenant, error);
    }
  }
  return failed;
}
