import { handOut, isOut } from "./hand-out.ts";
import type { Ports } from "./ports.ts";

/** How many bundles are looked at in one round beside those that ask for it: bytes that NATS lost are found within a few rounds. */
const lookedAtPerRound = 32;

/**
 * Brings everything that is handed out to what the database holds: what a crash left pending, heads that are about to expire, barriers
 * that nobody released, bundles whose bytes are gone or wrong, and everything when NATS came back empty. One tenant's failure does not
 * hold up the others. `after` is the last tenant whose bundle was looked at in the round before.
 */
export async function reconcile(
  ports: Ports,
  options: { readonly thorough: boolean; readonly after?: string | undefined },
): Promise<{ readonly failed: number; readonly lookedAt: string | undefined }> {
  const rows = await ports.revisions.heads();
  const from = rows.findIndex(({ tenant }) => options.after !== undefined && tenant > options.after);
  const turn = rows.slice(Math.max(0, from), Math.max(0, from) + lookedAtPerRound);
  const looked = new Set((options.thorough ? rows : turn).map(({ tenant }) => tenant));
  let failed = 0;
  for (const row of rows) {
    const thorough = looked.has(row.tenant);
    try {
      if (thorough || !(await isOut(ports, row))) await handOut(ports, row.tenant, { thorough });
    } catch (error) {
      failed++;
      ports.signals.handOutFailed(row.tenant, error);
    }
  }
  return { failed, lookedAt: turn.at(-1)?.tenant };
}
