import { requireMatch } from "#domain/precondition.ts";
import { type PolicyFile, type Revision, sourceDigestOf } from "#domain/revision.ts";
import type { Ports } from "./ports.ts";
import { type BarrierOutcome, handOutTogether } from "./publish-behind-barrier.ts";
import { compileAndTest, compileOrRefuse } from "./validate.ts";

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
  /** Policies that these files take out of shadow. */
  readonly promotes?: readonly string[];
  /** Replicas prepare it first and switch together. */
  readonly barrier?: boolean | undefined;
}

export interface PublishOutcome {
  readonly revision: Revision;
  /** False when what was asked for was there already. */
  readonly created: boolean;
  /** The revision that is in force as far as this database says. */
  readonly head: number;
  /** When it was handed out behind a barrier. */
  readonly barrier?: BarrierOutcome | undefined;
}

/**
 * Makes a set the tenant's policies: compiles it, runs the tests in it, appends the next revision, and hands it out. The set that is the
 * head already is left as it is (`created: false`). Where the head asks for a second person, the revision is proposed instead, and
 * nothing changes until it is approved. Once it is the head it will be handed out, whatever happens to this process or to NATS.
 *
 * @throws AegisError `unprocessable` with all faults, or all tests that fail; `precondition_failed` when the head is another than the writer saw.
 */
export async function publish(ports: Ports, request: PublishRequest): Promise<PublishOutcome> {
  const { tenant, files, message, author, ifMatch, restores, promotes } = request;
  // What a rollback brings back was tested when it was new; a test that has aged must not stand in the way of a way back.
  const policies = restores === undefined ? compileAndTest(ports, tenant, files) : compileOrRefuse(ports, tenant, files).policies;
  const sourceDigest = sourceDigestOf(files);
  let present: { readonly revision: Revision; readonly head: number } | undefined;
  let before = 0;
  const again = async (proposal: Promise<Revision | undefined>) => {
    const found = await proposal;
    return found?.restores === restores && String(found?.promotes) === String(promotes) ? found : undefined;
  };
  const appended = await ports.revisions.append(tenant, async ({ head, next, proposal }) => {
    requireMatch(head, ifMatch);
    before = head?.revision ?? 0;
    const same =
      head?.sourceDigest === sourceDigest ? head : head?.guarded === true ? await again(proposal(sourceDigest, author)) : undefined;
    present = same && { revision: same, head: before };
    if (present !== undefined) return undefined;
    const bundle = await ports.bundles.write({ tenant, revision: next, policies });
    const createdAt = ports.clock.now().getTime();
    return {
      ...{ tenant, revision: next, ...bundle, sourceDigest, author, message, createdAt, files, follows: before },
      ...(restores === undefined ? {} : { restores }),
      ...(promotes === undefined ? {} : { promotes }),
      ...(policies.governance.requireApproval === true ? { guarded: true as const } : {}),
      ...(head?.guarded === true ? { proposed: true as const } : {}),
    };
  });
  if (appended?.proposed === true) ports.signals.proposed(appended);
  else if (appended !== undefined) ports.signals.published(appended);
  const revision = appended ?? (present as { readonly revision: Revision }).revision;
  const created = appended !== undefined;
  if (revision.proposed === true && revision.approver === undefined) return { revision, created, head: before };
  const together = created && request.barrier === true;
  const { publishedAt, barrier } = await handOutTogether(ports, revision, { barrier: together });
  return { revision: { ...revision, ...(publishedAt === undefined ? {} : { publishedAt }) }, created, head: revision.revision, barrier };
}
