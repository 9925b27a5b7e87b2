import { readFileSync } from "node:fs";
import type { Bus } from "@aegis/bus/connect";
import { openBucket } from "@aegis/bus/kv";
import { type Objects, openObjects } from "@aegis/bus/objects";
import { AegisError } from "@aegis/contracts/errors";
import { stores } from "@aegis/contracts/subjects";
import { type Head, readBundle, verifyHead } from "@aegis/policy/bundle";
import type { PolicyContent } from "@aegis/policy/ir";
import type { HealthCheck } from "@aegis/service/health";
import type { Logger } from "@aegis/service/logger";
import type { Policies } from "#usecases/ports.ts";
import type { BudgetSignals } from "../signals.ts";

type Keys = Parameters<typeof readBundle>[1]["keys"];

const retryMs = 1_000;

/** Reads the keys that may sign bundles. */
export const readKeys = (file: string): Keys => JSON.parse(readFileSync(file, "utf8"));

/**
 * Follows every tenant's policy head and keeps the bundle it names: only ever verified, only ever newer. `ready` goes up once every head
 * that stood there has been considered; what was loaded stays in force when NATS is gone.
 */
export async function followPolicies(options: {
  readonly bus: Bus;
  readonly keys: Keys;
  readonly signals: BudgetSignals;
  readonly logger: Logger;
  readonly ready: HealthCheck;
}): Promise<Policies & AsyncDisposable> {
  const { bus, keys, signals, logger, ready } = options;
  const objects = await openObjects(bus, stores.bundles);
  const heads = await openBucket(bus, stores.policyHeads);
  const loaded = new Map<string, PolicyContent>();
  const newest = new Map<string, number>();
  const first = new Set<Promise<void>>();
  const stopping = new AbortController();

  const adopt = async (tenant: string, jws: string, kvRevision: number): Promise<void> => {
    if (newest.get(tenant) !== kvRevision || stopping.signal.aborted) return;
    try {
      const content = await load(objects, keys, tenant, jws, loaded.get(tenant));
      if (content === undefined || newest.get(tenant) !== kvRevision) return;
      loaded.set(tenant, content);
      signals.policiesLoaded(tenant, content.version);
    } catch (error) {
      signals.policiesRefused(tenant, error);
      // What is not there yet may come; a head that does not verify never will.
      if (error instanceof AegisError && error.code === "unprocessable") return;
      setTimeout(() => void adopt(tenant, jws, kvRevision), retryMs).unref();
    }
  };

  const watching = heads.watch({
    logger,
    onEntry(tenant, value, revision) {
      // A head that was taken away lifts no limit.
      if (value === undefined) return;
      newest.set(tenant, revision);
      const work = adopt(tenant, new TextDecoder().decode(value), revision);
      first.add(work);
      void work.finally(() => first.delete(work));
    },
    onReady: () => void Promise.allSettled(first).then(() => ready.up()),
  });

  return {
    find: (tenant) => loaded.get(tenant),
    of(tenant) {
      const content = loaded.get(tenant);
      if (content === undefined) throw new AegisError("unavailable", `the limits of ${tenant} are not known`);
      return content;
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await watching[Symbol.asyncDispose]();
    },
  };
}

/** Undefined for a head that names nothing newer. */
async function load(
  objects: Objects,
  keys: Keys,
  tenant: string,
  jws: string,
  current: PolicyContent | undefined,
): Promise<PolicyContent | undefined> {
  const head = await verifyHead(jws, { keys, tenant });
  if (current !== undefined && head.revision <= current.revision) {
    if (head.revision === current.revision && head.digest === current.digest) return undefined;
    throw new AegisError("unprocessable", `revision ${head.revision} is not newer than ${current.revision}`);
  }
  const tarball = await objects.get(head.object);
  if (tarball === undefined) throw new AegisError("unavailable", `there is no bundle ${head.object}`);
  const content = await opened(head, tarball, keys);
  if (content.revision !== head.revision || content.digest !== head.digest) {
    throw new AegisError("unavailable", `the bundle is not what head ${head.version} names`);
  }
  return content;
}

/** A bundle that is wrong may be put right by the compiler, under the same head: unlike a head, it is asked for again. */
async function opened(head: Head, tarball: Uint8Array, keys: Keys): Promise<PolicyContent> {
  try {
    return await readBundle(tarball, { keys, tenant: head.tenant });
  } catch (cause) {
    throw new AegisError("unavailable", `the bundle ${head.object} is not usable`, { cause });
  }
}
