import { enforcement, type LiveReplica, skewOf } from "#domain/activation.ts";
import { handOut, handOutQuietly } from "./hand-out.ts";
import type { Ports } from "./ports.ts";

/** How long replicas hold a prepared revision back, at most, in milliseconds. */
const barrierMs = 2_000;

/** How a barrier went. */
export interface BarrierOutcome {
  /** Replicas that were ready when the word was given, of those that live. */
  readonly prepared: number;
  readonly live: number;
  /** From handing it out to the word. */
  readonly milliseconds: number;
  /** Replicas that were not waited for any longer. */
  readonly late: readonly string[];
  /** Milliseconds from the first to the last switch; absent when not all said in time when they did. */
  readonly skew?: number;
}

/**
 * Hands a tenant's head out, behind a barrier when asked to: then the replicas of authz switch together. They fetch, verify and prepare
 * it, and put it into force at the word, which is given when all live ones are ready, or when the time is over. When the word never
 * comes, because this process or NATS went away, each replica switches by itself after the same time; reconcile then writes the head
 * without its barrier. What cannot be handed out now is handed out later, without a barrier.
 */
export async function handOutTogether(
  ports: Ports,
  { tenant, revision }: { readonly tenant: string; readonly revision: number },
  options: { readonly barrier: boolean },
): Promise<{ readonly publishedAt: number | undefined; readonly barrier?: BarrierOutcome }> {
  const { replicas, clock } = ports;
  const started = clock.now().getTime();
  const publishedAt = await handOutQuietly(ports, tenant, options.barrier ? barrierMs : undefined);
  if (publishedAt === undefined || !options.barrier) return { publishedAt };
  const isReady = (one: LiveReplica) => Math.max(one.revision, one.prepared) >= revision;
  await replicas.until(tenant, (live) => live.every(isReady), barrierMs);
  const live = replicas.live(tenant);
  const late = live.filter((one) => !isReady(one)).map(({ replica }) => replica);
  const milliseconds = clock.now().getTime() - started;
  // Should this fail, the replicas have their own time.
  await handOut(ports, tenant, { thorough: false, release: true }).catch((error: unknown) => ports.signals.handOutFailed(tenant, error));
  ports.signals.barrier(tenant, { live: live.length, late });
  const skew = await switched(ports, tenant, revision);
  const outcome = { prepared: live.length - late.length, live: live.length, milliseconds, late };
  return { publishedAt, barrier: { ...outcome, ...(skew === undefined ? {} : { skew }) } };
}

/** How far apart the replicas switched, once all of them did. */
async function switched(ports: Ports, tenant: string, revision: number): Promise<number | undefined> {
  if (!(await ports.replicas.until(tenant, (all) => all.every((one) => one.revision >= revision), barrierMs))) return undefined;
  const skew = skewOf(revision, enforcement(revision, ports.replicas.live(tenant), []));
  if (skew !== undefined) ports.signals.skew(skew);
  return skew;
}
