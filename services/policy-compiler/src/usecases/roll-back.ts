import { AegisError } from "@aegis/contracts/errors";
import type { Ports } from "./ports.ts";
import { type PublishOutcome, publish } from "./publish.ts";

/**
 * Publishes the files of an earlier revision again, as a new revision: numbers only grow, so no replica mistakes it for a replay.
 *
 * @throws AegisError `not_found`; `conflict` for a proposal that nobody approved; else as publish does, also when today's compiler no longer accepts the files.
 */
export async function rollBack(
  ports: Ports,
  request: {
    tenant: string;
    revision: number;
    message: string;
    author: string;
    ifMatch?: readonly string[] | undefined;
    barrier?: boolean | undefined;
  },
): Promise<PublishOutcome> {
  const { tenant, author, ifMatch, barrier } = request;
  const earlier = await ports.revisions.find(tenant, request.revision);
  if (earlier === undefined) throw new AegisError("not_found", `${tenant} has no revision ${request.revision}`);
  if (earlier.proposed === true && earlier.approver === undefined)
    throw new AegisError("conflict", `revision ${earlier.revision} was never in force: publish its files instead`);
  const message = request.message === "" ? `roll back to revision ${earlier.revision}` : request.message;
  return publish(ports, { tenant, files: earlier.files, message, author, ifMatch, restores: earlier.revision, barrier });
}
