import { sha256 } from "@aegis/canonical/digest";
import { AegisError } from "@aegis/contracts/errors";
import { type Head, readBundle, verifyHead } from "@aegis/policy/bundle";
import { prepare, type Snapshot } from "@aegis/policy/snapshot";
import { type ActivePolicy, type HighWater, judgeHead, samePolicies } from "#domain/policies.ts";
import type { Announce } from "./announce-activation.ts";
import type { Bundles, Clock, PolicyCache, PolicySignals } from "./ports.ts";

/** The compiler's public keys, pinned by the operator. */
type BundleKeys = Parameters<typeof readBundle>[1]["keys"];

export interface AdoptBundlePorts {
  readonly keys: BundleKeys;
  readonly cache: PolicyCache;
  readonly bundles: Bundles;
  readonly announce: Announce;
  readonly clock: Clock;
  /** Calls back after so many milliseconds; what it returns calls it off. */
  readonly later: (milliseconds: number, work: () => void) => () => void;
  readonly signals: PolicySignals;
  /** Called when what `standing()` says has changed. */
  readonly onChange: () => void;
}

/** What this replica shows others of its policies, by tenant. */
export interface Standing {
  /** Revisions in force. */
  readonly tenants: Readonly<Record<string, number>>;
  /** Revisions that are verified and wait for the word to go into force. */
  readonly prepared: Readonly<Record<string, number>>;
  /** When a revision went into force, in milliseconds since 1970, for a minute after it did. */
  readonly since: Readonly<Record<string, number>>;
  /** Why the newest head was not accepted. */
  readonly refused: Readonly<Record<string, string>>;
}

export interface AdoptBundle {
  /** The policies in force, or undefined for a tenant that has none here. */
  policyOf(tenant: string): ActivePolicy | undefined;
  standing(): Standing;
  /** Brings back what this replica had verified before; everything is verified anew. Resolves to the number of tenants. */
  load(): Promise<number>;
  /**
   * Considers a head as it stands in the KV bucket. Heads of one tenant are taken one after another; of several that wait, only the
   * newest counts. Resolves when the head is in force, was prepared, was refused, or was overtaken.
   *
   * @throws AegisError `unavailable` when its bundle cannot be had now, or is not what the head names: the caller comes back with it.
   */
  adopt(tenant: string, headJws: string): Promise<void>;
}

/** A revision that waits for the word. */
interface Prepared extends ActivePolicy {
  readonly callOff: () => void;
}

const sinceForMs = 60_000;

/** Keeps the policies that this replica decides with: only ever verified, only ever newer. */
export function adoptBundle(ports: AdoptBundlePorts): AdoptBundle {
  const active = new Map<string, ActivePolicy>();
  const waiting = new Map<string, Prepared>();
  const since = new Map<string, number>();
  const refusals = new Map<string, string>();
  const highWater = new Map<string, HighWater>();
  const latest = new Map<string, string>();
  const running = new Map<string, Promise<void>>();
  const now = () => ports.clock.now().getTime();

  /** From here on every call of the tenant is decided by these policies: one step, so no answer is of both. */
  const enforce = (tenant: string, policy: ActivePolicy): void => {
    waiting.get(tenant)?.callOff();
    waiting.delete(tenant);
    active.set(tenant, { head: policy.head, snapshot: policy.snapshot });
    since.set(tenant, now());
    refusals.delete(tenant);
    ports.onChange();
  };

  const wait = (tenant: string, head: Head, snapshot: Snapshot, milliseconds: number): void => {
    waiting.get(tenant)?.callOff();
    const callOff = ports.later(milliseconds, () => {
      ports.signals.barrierTimedOut(tenant, head.version);
      enforce(tenant, prepared);
      void ports.announce(head);
    });
    const prepared = { head, snapshot, callOff };
    waiting.set(tenant, prepared);
    ports.onChange();
  };

  const open = async (tenant: string, head: Head, tarball: Uint8Array): Promise<Snapshot> => {
    if (head.tarball !== undefined && sha256(tarball) !== head.tarball)
      throw new AegisError("unprocessable", `the bundle is not the one, byte for byte, that head ${head.version} names`);
    const content = await readBundle(tarball, { keys: ports.keys, tenant });
    if (content.revision !== head.revision || content.digest !== head.digest)
      throw new AegisError("unprocessable", `the bundle is not what head ${head.version} names`);
    return prepare(content);
  };

  /** A bundle that is wrong may be put right by the compiler: unlike a head, it is asked for again. */
  const fetch = async (tenant: string, head: Head): Promise<{ tarball: Uint8Array; snapshot: Snapshot }> => {
    const tarball = await ports.bundles.get(head.object);
    if (!tarball) throw new AegisError("unavailable", `there is no bundle ${head.object}`);
    try {
      return { tarball, snapshot: await open(tenant, head, tarball) };
    } catch (error) {
      refuse(tenant, error);
      throw new AegisError("unavailable", `the bundle ${head.object} is not usable`, { cause: error });
    }
  };

  /** The head of what is in force already, with a later end or over a bundle that was signed anew. */
  const renew = async (tenant: string, head: Head, jws: string, current: ActivePolicy, water: HighWater): Promise<void> => {
    if (head.expires < current.head.expires) return;
    const resigned = head.tarball !== undefined && head.tarball !== current.head.tarball;
    const bundle = resigned ? (await fetch(tenant, head)).tarball : undefined;
    active.set(tenant, { head, snapshot: current.snapshot });
    await ports.cache.save(tenant, { head: jws, highWater: water, ...(bundle === undefined ? {} : { bundle }) });
  };

  const take = async (tenant: string, jws: string): Promise<void> => {
    const head = await verifyHead(jws, { keys: ports.keys, tenant });
    const current = active.get(tenant);
    const judgement = judgeHead(tenant, head, highWater.get(tenant), current);
    if ("refuse" in judgement) throw new AegisError("unprocessable", judgement.refuse);
    const water = { revision: head.revision, digest: head.digest };
    if (judgement.accept === "renewal" && current) return renew(tenant, head, jws, current, water);
    const ready = waiting.get(tenant);
    if (ready !== undefined && samePolicies(ready.head, head)) {
      if (head.barrier !== undefined) return;
      enforce(tenant, { head, snapshot: ready.snapshot });
      // The mark and the bundle are on the disk since it was prepared.
      await ports.cache.save(tenant, { head: jws, highWater: water });
      return ports.announce(head);
    }
    const { tarball, snapshot } = await fetch(tenant, head);
    // The mark is durable before the policies count: a crash in between must not open the way back to an older revision.
    await ports.cache.save(tenant, { head: jws, bundle: tarball, highWater: water });
    highWater.set(tenant, water);
    if (head.barrier !== undefined) return wait(tenant, head, snapshot, head.barrier);
    enforce(tenant, { head, snapshot });
    return ports.announce(head);
  };

  const restore = async (entry: Awaited<ReturnType<PolicyCache["load"]>>[number]): Promise<void> => {
    const { tenant, highWater: water, bundle } = entry;
    if (water) highWater.set(tenant, water);
    if (!bundle) return;
    // Without its mark nothing tells whether these policies are the newest that were here: NATS must say so.
    if (!water) throw new AegisError("unprocessable", "the disk holds policies without their high-water mark");
    const head = await verifyHead(entry.head, { keys: ports.keys, tenant });
    const judgement = judgeHead(tenant, head, water, undefined);
    if ("refuse" in judgement) throw new AegisError("unprocessable", judgement.refuse);
    const snapshot = await open(tenant, head, bundle);
    highWater.set(tenant, { revision: head.revision, digest: head.digest });
    enforce(tenant, { head, snapshot });
    since.delete(tenant);
  };

  const refuse = (tenant: string, error: unknown): void => {
    const why = error instanceof Error ? error.message : String(error);
    refusals.set(tenant, why.slice(0, 300));
    ports.signals.refused(tenant, why);
    ports.onChange();
  };

  return {
    policyOf: (tenant) => active.get(tenant),
    standing() {
      const recent = now() - sinceForMs;
      for (const [tenant, at] of since) if (at < recent) since.delete(tenant);
      const revisions = (of: ReadonlyMap<string, ActivePolicy>) =>
        Object.fromEntries([...of].map(([tenant, { head }]) => [tenant, head.revision]));
      return {
        tenants: revisions(active),
        prepared: revisions(waiting),
        since: Object.fromEntries(since),
        refused: Object.fromEntries(refusals),
      };
    },
    async load() {
      for (const entry of await ports.cache.load()) await restore(entry).catch((error: unknown) => refuse(entry.tenant, error));
      return active.size;
    },
    async adopt(tenant, headJws) {
      latest.set(tenant, headJws);
      await running.get(tenant)?.catch(() => undefined);
      if (latest.get(tenant) !== headJws) return;
      const work = take(tenant, headJws).catch((error: unknown) => {
        if (error instanceof AegisError && error.code === "unavailable") throw error;
        refuse(tenant, error);
      });
      running.set(tenant, work);
      await work.finally(() => {
        if (running.get(tenant) === work) running.delete(tenant);
      });
    },
  };
}
