import { join } from "node:path";

/** Where a fabric keeps what outlives a run. One directory, one fabric. */
export interface DataDirectory {
  readonly root: string;
  readonly endpoints: string;
  /** Private keys and passwords: 0700. */
  readonly keys: string;
  /** What approvals' channels need, as `<tenant>/<name>`. */
  readonly channelSecrets: string;
  /** What sinks need, as `<tenant>/<name>`. */
  readonly sinkSecrets: string;
  /** Where sinks of kind file write, as `<tenant>/<sink>/`. */
  readonly sinks: string;
  readonly logs: string;
  /** The supervisor's record of itself and its children. */
  readonly record: string;
  readonly ports: string;
  readonly lock: string;
  readonly nats: string;
  readonly postgres: string;
  readonly checkpoints: string;
  readonly signer: string;
  /** Private keys of agents that this CLI registered. */
  readonly agents: string;
  readonly bundleKeys: string;
  readonly checkpointKey: string;
  /** Verifier keys of the producers of events, one a line. */
  readonly producerKeys: string;
  readonly issuerKey: string;
  /** Orders to revoke that PostgreSQL has not seen yet. */
  readonly tokenJournal: string;
  /** Spool and cache of one authz replica. */
  authz(instance: string): string;
  log(name: string): string;
  agentKey(tenant: string, agent: string): string;
}

export function dataDirectory(root: string): DataDirectory {
  const keys = join(root, "keys");
  return {
    root,
    endpoints: join(root, "endpoints.json"),
    keys,
    channelSecrets: join(keys, "channel-secrets"),
    sinkSecrets: join(keys, "sink-secrets"),
    sinks: join(root, "sinks"),
    logs: join(root, "logs"),
    record: join(root, "run", "record.json"),
    ports: join(root, "run", "ports.json"),
    lock: join(root, "run", "lock"),
    nats: join(root, "nats"),
    postgres: join(root, "postgres"),
    checkpoints: join(root, "checkpoints"),
    signer: join(root, "signer"),
    agents: join(root, "agents"),
    bundleKeys: join(keys, "bundle-keys.json"),
    checkpointKey: join(keys, "checkpoint.vkey"),
    producerKeys: join(keys, "producers.vkeys"),
    issuerKey: join(keys, "issuer.jwk"),
    tokenJournal: join(root, "token", "journal.jsonl"),
    authz: (instance) => join(root, instance),
    log: (name) => join(root, "logs", `${name}.log`),
    agentKey: (tenant, agent) => join(root, "agents", tenant, `${agent}.jwk`),
  };
}
