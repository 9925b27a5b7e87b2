import { AegisError } from "@aegis/contracts/errors";
import { enforcement, type ReplicaState } from "#domain/activation.ts";
import type { Ports } from "./ports.ts";

/** Which live replicas enforce a revision. @throws AegisError `not_found` when there is no such revision. */
export async function activationsOf(ports: Ports, tenant: string, revision: number): Promise<ReplicaState[]> {
  const head = await ports.revisions.head(tenant);
  if (head === undefined || revision > head.revision) throw new AegisError("not_found", `${tenant} has no revision ${revision}`);
  return enforcement(revision, ports.replicas.live(tenant), await ports.activations.of(tenant));
}
