import { AegisError } from "@aegis/contracts/errors";
import type { Revision } from "#domain/revision.ts";
import type { Ports } from "./ports.ts";

const lookEveryMs = 500;

/**
 * The tenant's present bundle, or undefined when it is still the one the caller has. With `waitMs`, the answer "still the same" comes
 * only after that time, and a new bundle as soon as there is one.
 *
 * @throws AegisError `not_found` when the tenant has no revision.
 */
export async function serveBundle(
  ports: Ports,
  request: { tenant: string; known: (revision: Revision) => boolean; waitMs: number; signal: AbortSignal },
): Promise<{ readonly revision: Revision; readonly tarball: Uint8Array | undefined }> {
  const deadline = ports.clock.now().getTime() + request.waitMs;
  for (;;) {
    const revision = await ports.revisions.head(request.tenant);
    if (revision === undefined) throw new AegisError("not_found", `${request.tenant} has no revision`);
    if (!request.known(revision)) return { revision, tarball: await ports.revisions.tarball(revision.tenant, revision.revision) };
    const left = deadline - ports.clock.now().getTime();
    if (left <= 0 || request.signal.aborted) return { revision, tarball: undefined };
    await ports.clock.pause(Math.min(left, lookEveryMs), request.signal);
  }
}
