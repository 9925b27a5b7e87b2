import { AegisError } from "@aegis/contracts/errors";
import { enforcement, type LiveReplica, type ReplicaState } from "#domain/activation.ts";
import type { Ports } from "./ports.ts";

/**
 * Which live replicas enforce a revision; with `waitMs`, the answer comes when all of them do and say when they switched, or after it.
 *
 * @throws AegisError `not_found` when there is no such revision.
 */
export async function activationsOf(
  ports: Ports,
  tenant: string,
  revision: number,
  wait: { readonly waitMs: number; readonly signal: AbortSignal },
): Promise<ReplicaState[]> {
  const known = async () => {
    const head = await ports.revisions.head(tenant);
    if (head === undefined || revision > head.revision) throw new AegisError("not_found", `${tenant} has no revision ${revision}`);
  };
  const enforced = (live: readonly LiveReplica[]) => live.length > 0 && live.every((one) => one.revision >= revision);
  // What the replicas show of themselves is enough: what they reported comes later, and would be waited for.
  if (wait.waitMs > 0) {
    const [reached] = await Promise.all([ports.replicas.until(tenant, enforced, wait.waitMs, wait.signal), known()]);
    if (reached) return enforcement(revision, ports.replicas.live(tenant), []);
  }
  await known();
  return enforcement(revision, ports.replicas.live(tenant), await ports.activations.of(tenant));
}
