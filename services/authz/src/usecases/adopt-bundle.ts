import type { Producer } from "@aegis/contracts/decision-event";
import { AegisError } from "@aegis/contracts/errors";
import { subject } from "@aegis/contracts/subjects";
import { type Head, readBundle, verifyHead } from "@aegis/policy/bundle";
import { prepare } from "@aegis/policy/snapshot";
import { type ActivePolicy, type HighWater, judgeHead } from "#domain/policies.ts";
import type { ActivatedEvent, Bundles, Clock, EventLog, NewId, PolicyCache, PolicySignals } from "./ports.ts";

/** The compiler's public keys, pinned by the operator. */
type BundleKeys = Parameters<typeof readBundle>[1]["keys"];

export interface AdoptBundlePorts {
  readonly keys: BundleKeys;
  readonly cache: PolicyCache;
  readonly bundles: Bundles;
  readonly log: EventLog;
  /** This replica's name in `activated`. */
  readonly replica: string;
  readonly newId: NewId;
  readonly clock: Clock;
  readonly signals: PolicySignals;
  /** Called when what `revisions()` says has changed. */
  readonly onChange: () => void;
}

export interface AdoptBundle {
  /** The policies in force, or undefined for a tenant that has none here. */
  policyOf(tenant: string): ActivePolicy | undefined;
  /** Each tenant's revision in force. */
  revisions(): Record<string, number>;
  /** Brings back what this replica had verified before; everything is verified anew. Resolves to the number of tenants. */
  load(): Promise<number>;
  /**
   * Considers a head as it stands in the KV bucket. Heads of one tenant are taken one after another; of several that wait, only the
   * newest counts. Resolves when the head is in force, was refused, or was overtaken.
   *
   * @throws AegisError `unavailable` when its bundle cannot be had now: the caller comes back with it.
   */
  adopt(tenant: string, headJws: string): Promise<void>;
}

/** Keeps the policies that this replica decides with: only ever verified, only ever newer. */
export function adoptBundle(ports: AdoptBundlePorts): AdoptBundle {
  const active = new Map<string, ActivePolicy>();
  const highWater = new Map<string, HighWater>();
  const latest = new Map<string, string>();
  const running = new Map<string, Promise<void>>();

  const take = async (tenant: string, jws: string, bundle: Uint8Array | undefined, announce: boolean): Promise<void> => {
    const head = await verifyHead(jws, { keys: ports.keys, tenant });
    const judgement = judgeHead(tenant, head, highWater.get(tenant), active.get(tenant));
    if ("refuse" in judgement) throw new AegisError("unprocessable", judgement.refuse);
    const water = { revision: head.revision, digest: head.digest };
    const current = active.get(tenant);
    if (judgement.accept === "renewal" && current) {
      if (head.expires < current.head.expires) return;
      active.set(tenant, { head, snapshot: current.snapshot });
      await ports.cache.save(tenant, { head: jws, highWater: water });
      return;
    }
    const tarball = bundle ?? (await ports.bundles.get(head.object));
    if (!tarball) throw new AegisError("unavailable", `there is no bundle ${head.object}`);
    const content = await readBundle(tarball, { keys: ports.keys, tenant });
    if (content.revision !== head.revision || content.digest !== head.digest)
      throw new AegisError("unprocessable", `the bundle is not what head ${head.version} names`);
    const snapshot = prepare(content);
    // The mark is durable before the policies count: a crash in between must not open the way back to an older revision.
    if (announce) await ports.cache.save(tenant, { head: jws, bundle: tarball, highWater: water });
    highWater.set(tenant, water);
    active.set(tenant, { head, snapshot });
    ports.onChange();
    if (announce) await sayActivated(ports, head);
  };

  const refused = (tenant: string, error: unknown) => {
    if (error instanceof AegisError && error.code === "unavailable") throw error;
    ports.signals.refused(tenant, error instanceof Error ? error.message : String(error));
  };

  return {
    policyOf: (tenant) => active.get(tenant),
    revisions: () => Object.fromEntries([...active].map(([tenant, { head }]) => [tenant, head.revision])),
    async load() {
      for (const entry of await ports.cache.load()) {
        if (entry.highWater) highWater.set(entry.tenant, entry.highWater);
        if (!entry.bundle) continue;
        await take(entry.tenant, entry.head, entry.bundle, false).catch((error: unknown) =>
          ports.signals.refused(entry.tenant, String(error)),
        );
      }
      return active.size;
    },
    async adopt(tenant, headJws) {
      latest.set(tenant, headJws);
      await running.get(tenant)?.catch(() => undefined);
      if (latest.get(tenant) !== headJws) return;
      const work = take(tenant, headJws, undefined, true).catch((error: unknown) => refused(tenant, error));
      running.set(tenant, work);
      await work.finally(() => {
        if (running.get(tenant) === work) running.delete(tenant);
      });
    },
  };
}

async function sayActivated(ports: AdoptBundlePorts, head: Head): Promise<void> {
  const now = ports.clock.now();
  const milliseconds = Math.max(0, now.getTime() - head.issued * 1000);
  ports.signals.activated(head.tenant, head.version, milliseconds);
  const id = ports.newId();
  const make = (producer: Producer): ActivatedEvent => ({
    specversion: "1.0",
    id,
    source: ports.log.source,
    type: "dev.aegis.policy.activated.v1",
    time: now.toISOString(),
    datacontenttype: "application/json",
    tenant: head.tenant,
    data: {
      revision: head.revision,
      version: head.version,
      snapshotDigest: head.digest,
      replica: ports.replica,
      millisecondsSinceIssue: milliseconds,
      producer,
    },
  });
  const entry = { id, subject: subject("policyActivated", { tenant: head.tenant }), make };
  // The policies are in force whether or not this can be said: the replica's heartbeat says it as well.
  await ports.log.append(entry, "T2").catch((error: unknown) => ports.signals.refused(head.tenant, `activation is not recorded: ${error}`));
}
