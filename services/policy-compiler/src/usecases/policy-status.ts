import { enforcement, type ReplicaState, skewOf } from "#domain/activation.ts";
import type { OpaInstance } from "#domain/opa.ts";
import type { Revision } from "#domain/revision.ts";
import type { OpaPorts, Ports } from "./ports.ts";

export interface PolicyStatus {
  readonly head: Revision | undefined;
  readonly replicas: readonly ReplicaState[];
  /** Milliseconds between the first and the last replica's switch to the head, while they remember. */
  readonly skew: number | undefined;
  readonly opas: readonly OpaInstance[];
  /** Decisions that OPAs reported in the last week, by decision. */
  readonly opaDecisions: Readonly<Record<string, number>>;
}

/** Who enforces what of a tenant: replicas of authz, and OPAs as far as they say. */
export async function policyStatus(ports: Ports & OpaPorts, tenant: string): Promise<PolicyStatus> {
  const head = await ports.revisions.head(tenant);
  const revision = head?.revision ?? 0;
  const replicas = enforcement(revision, ports.replicas.live(tenant), await ports.activations.of(tenant));
  const [opas, opaDecisions] = [await ports.opas.instances(tenant), await ports.opas.decisions(tenant)];
  return { head, replicas, skew: skewOf(revision, replicas), opas, opaDecisions };
}
