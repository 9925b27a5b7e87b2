import { AegisError } from "@aegis/contracts/errors";
import { objectName } from "@aegis/policy/bundle";
import { headOf, judgeHead } from "#domain/head.ts";
import type { Revision } from "#domain/revision.ts";
import type { HandOutView, HeadRow, Ports } from "./ports.ts";

const attempts = 5;

/**
 * Brings what is handed out to the tenant's head: first the bundle, then the head that names it, so that a head never points at
 * nothing. Compare-and-set keeps a slow process from putting an older head over a newer one. Idempotent.
 *
 * Resolves to when the head was first handed out, in milliseconds since 1970; undefined when there is none, or a newer one is out.
 * @param options.thorough also looks whether the bundle is still there when the head is good.
 */
export function handOut(ports: Ports, tenant: string, options: { thorough: boolean }): Promise<number | undefined> {
  return ports.handOuts.exclusively(tenant, async (revisions) => {
    const revision = await revisions.head();
    if (revision === undefined || !(await bringOut(ports, revisions, revision, options.thorough))) return undefined;
    if (revision.publishedAt !== undefined) return revision.publishedAt;
    const at = ports.clock.now().getTime();
    await revisions.markPublished(revision.revision, at);
    return at;
  });
}

/** The same after a commit: a failure is left to the next round. */
export async function handOutQuietly(ports: Ports, tenant: string): Promise<number | undefined> {
  try {
    return await handOut(ports, tenant, { thorough: false });
  } catch (error) {
    ports.signals.handOutFailed(tenant, error);
    return undefined;
  }
}

/** Whether the head is out and not to be renewed yet. */
export async function isOut(ports: Pick<Ports, "distribution" | "clock" | "headLifetime">, row: HeadRow): Promise<boolean> {
  if (row.publishedAt === undefined) return false;
  const { head } = await ports.distribution.head(row.tenant);
  return judgeHead(head, row, ports.clock.now().getTime(), ports.headLifetime) === "keep";
}

async function bringOut(ports: Ports, revisions: HandOutView, row: Revision, thorough: boolean): Promise<boolean> {
  const { distribution, signals, clock, headLifetime } = ports;
  const object = objectName(row.tenant, row.revision, row.digest);
  for (let attempt = 0; attempt < attempts; attempt++) {
    const { head: current, stamp } = await distribution.head(row.tenant);
    const now = clock.now().getTime();
    const judgement = judgeHead(current, row, now, headLifetime);
    if (judgement === "ahead") {
      signals.headAhead(row.tenant, row.revision, current?.revision ?? 0);
      return false;
    }
    const renewal = current?.revision === row.revision && current.digest === row.digest;
    if ((!renewal || thorough) && !(await distribution.hasBundle(object))) await putBundle(ports, revisions, row, object);
    if (judgement === "keep") return true;
    if (await distribution.putHead(headOf(row, now, headLifetime), stamp)) {
      signals.handedOut(row.tenant, row.revision, renewal ? "renewed" : "new");
      return true;
    }
  }
  throw new AegisError("conflict", `the head of ${row.tenant} was written by others ${attempts} times in a row`);
}

async function putBundle(ports: Ports, revisions: HandOutView, row: Revision, object: string): Promise<void> {
  const tarball = await revisions.tarball(row.revision);
  if (tarball === undefined) throw new AegisError("internal", `revision ${row.revision} of ${row.tenant} has no bundle`);
  await ports.distribution.putBundle(object, tarball);
}
