import { requireMatch } from "#domain/precondition.ts";
import { type PolicyFile, type Revision, sourceDigestOf } from "#domain/revision.ts";
import { handOutQuietly } from "./hand-out.ts";
import type { Ports } from "./ports.ts";
import { compileOrRefuse } from "./validate.ts";

export interface PublishRequest {
  readonly tenant: string;
  /** The tenant's whole set. */
  readonly files: readonly PolicyFile[];
  readonly message: string;
  readonly author: string;
  /** Entity tags of which the head must be one; undefined: any head will do. */
  readonly ifMatch?: readonly string[] | undefined;
  /** The revision these files come from. */
  readonly restores?: number;
}

/**
 * Makes a set the tenant's policies: compiles it, appends the next revision, and hands it out. The set that is the head already is
 * left as it is (`created: false`). Once committed it will be handed out, whatever happens to this process or to NATS.
 *
 * @throws AegisError `unprocessable` with all faults; `precondition_failed` when the head is another than the writer saw.
 */
export async function publish(ports: Ports, request: PublishRequest): Promise<{ readonly revision: Revision; readonly created: boolean }> {
  const { tenant, files, message, author, ifMatch, restores } = request;
  const policies = compileOrRefuse(ports, tenant, files);
  const sourceDigest = sourceDigestOf(files);
  let unchanged: Revision | undefined;
  const appended = await ports.revisions.append(tenant, async (head) => {
    requireMatch(head, ifMatch);
    unchanged = head?.sourceDigest === sourceDigest ? head : undefined;
    if (unchanged !== undefined) return undefined;
    const revision = (head?.revision ?? 0) + 1;
    const bundle = await ports.bundles.write({ tenant, revision, policies });
    const createdAt = ports.clock.now().getTime();
    const origin = restores === undefined ? {} : { restores };
    return { tenant, revision, ...bundle, sourceDigest, author, message, createdAt, files, ...origin };
  });
  if (appended !== undefined) ports.signals.published(appended);
  const current = appended ?? (unchanged as Revision);
  const publishedAt = await handOutQuietly(ports, tenant);
  return { revision: { ...current, ...(publishedAt === undefined ? {} : { publishedAt }) }, created: appended !== undefined };
}
