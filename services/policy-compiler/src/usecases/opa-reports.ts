import type { OpaDecision, OpaInstance } from "#domain/opa.ts";
import type { OpaPorts } from "./ports.ts";

/** Keeps what an OPA says of itself in place of what it said before. */
export async function takeStatus(ports: OpaPorts, tenant: string, instance: OpaInstance): Promise<void> {
  await ports.opas.report(tenant, instance);
  ports.signals.opaReported("status", { accepted: 1 });
}

/**
 * Keeps decisions that an OPA says it made, each once. What could not be understood is counted and dropped: refusing it would make OPA
 * send the whole chunk for ever.
 */
export async function takeDecisions(
  ports: OpaPorts,
  tenant: string,
  decisions: readonly OpaDecision[],
  rejected: number,
): Promise<{ readonly accepted: number; readonly repeated: number; readonly rejected: number }> {
  const accepted = decisions.length === 0 ? 0 : await ports.opas.append(tenant, decisions);
  const counts = { accepted, repeated: decisions.length - accepted, rejected };
  ports.signals.opaReported("decisions", counts);
  return counts;
}
