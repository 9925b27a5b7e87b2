import type { Digest } from "@aegis/canonical/digest";
import { AegisError } from "@aegis/contracts/errors";
import type { Revision } from "#domain/revision.ts";
import type { Ports } from "./ports.ts";

/** Should nobody wake those who wait: another process handed out while NATS was away. */
const lookEveryMs = 5_000;

/** Of a revision's bundle, for an ETag: another signature over the same content is another entity. */
const entityOf = ({ version }: Revision, digest: Digest): string => `${version}.${digest.slice("sha256:".length, "sha256:".length + 8)}`;

/**
 * The tenant's present bundle, or without its bytes when it is still the one the caller has. With `waitMs`, the answer "still the same"
 * comes only after that time, and a new bundle as soon as there is one.
 *
 * @throws AegisError `not_found` when the tenant has no revision; `resource_exhausted` when too many wait.
 */
export async function serveBundle(
  ports: Ports,
  request: { tenant: string; known: (entity: string) => boolean; waitMs: number; signal: AbortSignal },
): Promise<{ readonly entity: string; readonly tarball: Uint8Array | undefined }> {
  const { tenant, signal } = request;
  const deadline = ports.clock.now().getTime() + request.waitMs;
  for (;;) {
    const count = ports.wakeUps.count(tenant);
    const present = await ports.handOuts.present(tenant);
    if (present === undefined) throw new AegisError("not_found", `${tenant} has no revision`);
    const entity = entityOf(present.revision, present.bundle.digest);
    if (!request.known(entity)) return { entity, tarball: await present.bundle.tarball() };
    const left = deadline - ports.clock.now().getTime();
    if (left <= 0 || signal.aborted) return { entity, tarball: undefined };
    await ports.wakeUps.wait(tenant, count, Math.min(left, lookEveryMs), signal);
  }
}
