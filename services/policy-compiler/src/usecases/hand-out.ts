import { AegisError } from "@aegis/contracts/errors";
import { objectName } from "@aegis/policy/bundle";
import { headOf, judgeHead } from "#domain/head.ts";
import type { Revision } from "#domain/revision.ts";
import type { HeadRow, Ports, StoredBundle } from "./ports.ts";

const attempts = 5;

export interface HandOutOptions {
  /** Also looks whether the bundle is still there, whole, when the head is good. */
  readonly thorough: boolean;
  /** Milliseconds: a head that is written anew holds its revision back until it is released, or so long. */
  readonly barrier?: number;
  /** Writes the head without its barrier. */
  readonly release?: boolean;
}

/**
 * Brings what is handed out to the tenant's head: first the bundle, then the head that names it, so that a head never points at
 * nothing. Compare-and-set keeps a slow process from putting an older head over a newer one. Idempotent.
 *
 * Resolves to when the head was first handed out, in milliseconds since 1970; undefined when there is none, or a newer one is out.
 */
export function handOut(ports: Ports, tenant: string, options: HandOutOptions): Promise<number | undefined> {
  return ports.handOuts.exclusively(tenant, async (revisions) => {
    const revision = await revisions.head();
    if (revision === undefined) return undefined;
    if (!(await bringOut(ports, revision, await revisions.bundle(revision), options))) return undefined;
    if (revision.publishedAt !== undefined) return revision.publishedAt;
    const at = ports.clock.now().getTime();
    await revisions.markPublished(revision.revision, at);
    return at;
  });
}

/** The same after a commit: a failure is left to the next round. */
export async function handOutQuietly(ports: Ports, tenant: string, barrier?: number): Promise<number | undefined> {
  try {
    return await handOut(ports, tenant, { thorough: false, ...(barrier === undefined ? {} : { barrier }) });
  } catch (error) {
    ports.signals.handOutFailed(tenant, error);
    ports.wakeUps.wake(tenant);
    return undefined;
  }
}

/** Whether the head is out and not to be renewed yet. */
export async function isOut(ports: Pick<Ports, "distribution" | "clock" | "headLifetime">, row: HeadRow): Promise<boolean> {
  if (row.publishedAt === undefined) return false;
  const { head } = await ports.distribution.head(row.tenant);
  return judgeHead(head, row, ports.clock.now().getTime(), ports.headLifetime) === "keep";
}

async function bringOut(ports: Ports, row: Revision, bundle: StoredBundle, options: HandOutOptions): Promise<boolean> {
  const { distribution, signals, clock, headLifetime: lifetime } = ports;
  const object = objectName(row.tenant, row.revision, row.digest);
  const tarball = bundle.digest;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const { head: current, stamp } = await distribution.head(row.tenant);
    const now = clock.now().getTime();
    const judgement = judgeHead(current, { ...row, tarball }, now, lifetime);
    if (judgement === "ahead") {
      signals.headAhead(row.tenant, row.revision, current?.revision ?? 0);
      return false;
    }
    const known = current?.revision === row.revision && current.digest === row.digest && current.tarball === tarball;
    if (!known) await distribution.putBundle(object, await bundle.tarball());
    else if (options.thorough && !(await distribution.holdsBundle(object, tarball))) {
      await distribution.putBundle(object, await bundle.tarball());
      signals.bundleRestored(row.tenant, row.revision);
    }
    const release = options.release === true && current?.barrier !== undefined;
    if (judgement === "keep" && !release) return true;
    const isNew = current?.revision !== row.revision || current.digest !== row.digest;
    const barrier = isNew ? options.barrier : undefined;
    if (await distribution.putHead(headOf(row, now, { lifetime, tarball, barrier }), stamp)) {
      ports.wakeUps.wake(row.tenant);
      signals.handedOut(row.tenant, row.revision, isNew ? "new" : "renewed");
      return true;
    }
  }
  throw new AegisError("conflict", `the head of ${row.tenant} was written by others ${attempts} times in a row`);
}
