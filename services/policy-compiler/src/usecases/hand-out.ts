import { AegisError } from "@aegis/contracts/errors";
import { objectName } from "@aegis/policy/bundle";
import { headOf, judgeHead } from "#domain/head.ts";
import type { HeadRow, Ports } from "./ports.ts";

const attempts = 5;

/**
 * Brings what is handed out to the tenant's head: first the bundle, then the head that names it, so that a head never points at
 * nothing. Compare-and-set keeps a slow process from putting an older head over a newer one. Idempotent. Resolves to whether the head is handed out: not so when a newer one is.
 *
 * @param options.thorough also looks whether the bundle is still there when the head is good.
 */
export async function handOut(ports: Ports, row: HeadRow, options: { thorough: boolean }): Promise<boolean> {
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
    if ((!renewal || options.thorough) && !(await distribution.hasBundle(object))) await putBundle(ports, row, object);
    if (judgement === "keep") return true;
    if (await distribution.putHead(headOf(row, now, headLifetime), stamp)) {
      signals.handedOut(row.tenant, row.revision, renewal ? "renewed" : "new");
      return true;
    }
  }
  throw new AegisError("conflict", `the head of ${row.tenant} was written by others ${attempts} times in a row`);
}

/** The same for the tenant's present head, after a commit: a failure is left to the next round. Resolves to when it was handed out, if it was. */
export async function handOutQuietly(ports: Ports, tenant: string): Promise<number | undefined> {
  try {
    const head = await ports.revisions.head(tenant);
    if (head === undefined) return undefined;
    return (await handOut(ports, head, { thorough: false })) ? await settle(ports, head) : undefined;
  } catch (error) {
    ports.signals.handOutFailed(tenant, error);
    return undefined;
  }
}

/** Notes that a head was handed out, once. */
export async function settle(ports: Pick<Ports, "revisions" | "clock">, row: HeadRow): Promise<number> {
  if (row.publishedAt !== undefined) return row.publishedAt;
  const at = ports.clock.now().getTime();
  await ports.revisions.markPublished(row.tenant, row.revision, at);
  return at;
}

async function putBundle(ports: Ports, row: HeadRow, object: string): Promise<void> {
  const tarball = await ports.revisions.tarball(row.tenant, row.revision);
  if (tarball === undefined) throw new AegisError("internal", `revision ${row.revision} of ${row.tenant} has no bundle`);
  await ports.distribution.putBundle(object, tarball);
}
