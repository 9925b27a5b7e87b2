import { AegisError } from "@aegis/contracts/errors";
import { type StreamName, stores, streams } from "@aegis/contracts/subjects";
import { DiscardPolicy, RetentionPolicy, StorageType, type StreamConfig } from "@nats-io/jetstream";
import type { Bus } from "./connect.ts";
import { busError, isJetStreamCode, jetStreamCode } from "./errors.ts";

const nanosPerSecond = 1_000_000_000;
const day = 86_400 * nanosPerSecond;

export interface StreamOptions {
  /** Copies of every stream, bucket and object store. Default: as many as the bus was told. */
  readonly replicas?: number;
  /** Bound of each event stream in bytes; what does not fit is refused, never dropped. Default: the server's own bound. */
  readonly maxBytes?: number;
}

/** What must hold of a stream, whatever server made it. */
export type StreamDefinition = Partial<StreamConfig> & { readonly name: string; readonly subjects: string[] };

/**
 * Makes the event streams, the key-value buckets and the object store, or checks those that are there.
 * Idempotent and safe from several services at once. A server that silently drops a setting (2.9 does) is found by
 * comparing what it returned: `precondition_failed`, with the differing settings in `details`.
 */
export async function ensureStreams(bus: Bus, options: StreamOptions = {}): Promise<void> {
  await bus.ready();
  for (const definition of definitions({ replicas: bus.replicas, ...options })) await ensureStream(bus, definition);
}

/** Makes or checks the one stream, bucket (`KV_<name>`) or object store (`OBJ_<name>`) of ours with this JetStream name. */
export async function ensureStreamNamed(bus: Bus, name: string, options: StreamOptions = {}): Promise<void> {
  const definition = definitions({ replicas: bus.replicas, ...options }).find((candidate) => candidate.name === name);
  if (definition === undefined) throw new AegisError("invalid_argument", `${name} is no stream of ours`);
  await ensureStream(bus, definition);
}

/** Every stream of ours, as JetStream configuration. */
export function definitions(options: StreamOptions = {}): StreamDefinition[] {
  const replicas = options.replicas ?? 1;
  const events = (Object.keys(streams) as StreamName[]).map((name) => eventStream(name, replicas, options.maxBytes ?? -1));
  return [
    ...events,
    bucket(stores.policyHeads, replicas),
    bucket(stores.revocations, replicas),
    bucket(stores.replicas, replicas, 30),
    bucket(stores.sessions, replicas, 86_400),
    bucket(stores.proofs, replicas, 300),
    bucket(stores.budgetState, replicas),
    objectStore(stores.bundles, replicas),
  ];
}

/** `deny_delete` and `deny_purge`: what was stored leaves by age alone, not by anyone's hand. */
function eventStream(name: StreamName, replicas: number, maxBytes: number): StreamDefinition {
  return {
    ...common(name, [...streams[name]], replicas),
    max_age: 7 * day,
    max_bytes: maxBytes,
    duplicate_window: 300 * nanosPerSecond,
    discard: DiscardPolicy.New,
    deny_delete: true,
    deny_purge: true,
  };
}

/** The layout every NATS client knows as a key-value bucket (ADR-8), with one value kept per key. */
function bucket(name: string, replicas: number, ttlSeconds = 0): StreamDefinition {
  return {
    ...common(`KV_${name}`, [`$KV.${name}.>`], replicas),
    max_msgs_per_subject: 1,
    max_age: ttlSeconds * nanosPerSecond,
    duplicate_window: Math.min(120, ttlSeconds || 120) * nanosPerSecond,
    discard: DiscardPolicy.New,
    allow_direct: true,
    allow_rollup_hdrs: true,
    deny_delete: true,
  };
}

/** The layout of an object store (ADR-20). */
function objectStore(name: string, replicas: number): StreamDefinition {
  return {
    ...common(`OBJ_${name}`, [`$O.${name}.C.>`, `$O.${name}.M.>`], replicas),
    max_age: 0,
    discard: DiscardPolicy.New,
    allow_direct: true,
    allow_rollup_hdrs: true,
  };
}

function common(name: string, subjects: string[], replicas: number) {
  return { name, subjects, retention: RetentionPolicy.Limits, storage: StorageType.File, num_replicas: replicas };
}

async function ensureStream(bus: Bus, wanted: StreamDefinition): Promise<void> {
  const actual = (await existing(bus, wanted.name)) ?? (await create(bus, wanted));
  const differences = Object.entries(wanted)
    .filter(([key, value]) => JSON.stringify(actual[key as keyof StreamConfig] ?? absent(value)) !== JSON.stringify(value))
    .map(([key, value]) => ({ setting: key, wanted: value, actual: actual[key as keyof StreamConfig] ?? null }));
  if (differences.length === 0) return;
  const names = differences.map(({ setting }) => setting).join(", ");
  throw new AegisError("precondition_failed", `the stream ${wanted.name} has other settings than it must: ${names}`, {
    details: { stream: wanted.name, differences },
  });
}

/** Servers leave out settings that are off. */
function absent(wanted: unknown): unknown {
  if (typeof wanted === "boolean") return false;
  return typeof wanted === "number" ? 0 : undefined;
}

async function existing(bus: Bus, name: string): Promise<StreamConfig | undefined> {
  try {
    return (await bus.manager.streams.info(name)).config;
  } catch (error) {
    if (isJetStreamCode(error, jetStreamCode.streamNotFound)) return undefined;
    throw busError(error);
  }
}

async function create(bus: Bus, wanted: StreamDefinition): Promise<StreamConfig> {
  try {
    return (await bus.manager.streams.add(wanted)).config;
  } catch (error) {
    // Another service was first, with another configuration: compare with that one.
    if (isJetStreamCode(error, jetStreamCode.streamNameInUse)) return (await bus.manager.streams.info(wanted.name)).config;
    throw busError(error);
  }
}
