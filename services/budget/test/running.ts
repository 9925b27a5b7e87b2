import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openBucket } from "@aegis/bus/kv";
import { openObjects } from "@aegis/bus/objects";
import { publishEvent } from "@aegis/bus/publish";
import { BudgetService } from "@aegis/contracts/aegis/budget/v1/budget";
import type { DecisionEvent, Reservation } from "@aegis/contracts/decision-event";
import type { OperatorRole } from "@aegis/contracts/operator";
import type { OutcomeEvent, OutcomeName } from "@aegis/contracts/outcome-event";
import { stores, subject } from "@aegis/contracts/subjects";
import { freePort } from "@aegis/infra/ports";
import { startProcess } from "@aegis/infra/process";
import { signHead, writeBundle } from "@aegis/policy/bundle";
import type { Governance, Limit } from "@aegis/policy/ir";
import { connectDatabase, type Database } from "@aegis/postgres/connect";
import { inTenant } from "@aegis/postgres/tenant";
import { type RpcClient, rpcClient } from "@aegis/rpc/client";
import { peerToken } from "@aegis/rpc/peer";
import { type TestBus, type TestDatabase, testBus, testDatabase } from "@aegis/testkit/fabric";
import { type KeyFile, keyFile, keySetFile, type OperatorIssuer, operatorIssuer } from "@aegis/testkit/keys";
import { until } from "@aegis/testkit/until";
import { sql } from "kysely";
import { v7 } from "uuid";

type Client = RpcClient<typeof BudgetService>;

export interface Running extends AsyncDisposable {
  readonly url: string;
  /** Calls as `authz-0`, `authz-1`, … */
  as(instance: string): Client;
  kill(): Promise<void>;
  output(): string;
}

/** NATS, PostgreSQL, keys and an issuer; the service is started by each test as a real process. */
export interface Surroundings extends AsyncDisposable {
  readonly nats: TestBus;
  readonly database: TestDatabase;
  readonly db: Database<Record<never, never>>;
  readonly operators: OperatorIssuer;
  /** `preload`: a module that the process loads before its own. */
  start(instance: string, more?: { preload?: string; env?: Record<string, string> }): Promise<Running>;
  /** Publishes a tenant's limits as a signed bundle. */
  publish(
    tenant: string,
    revision: number,
    limits: readonly Limit[],
    more?: { signer?: KeyFile } & Partial<Pick<Governance, "rates" | "breaker" | "memberOf" | "organisation" | "exchangeRates">>,
  ): Promise<void>;
  /** Has the name of the key that signs bundles, and is not it. */
  readonly forger: KeyFile;
}

export async function surroundings(): Promise<Surroundings> {
  await using made = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "aegis-budget-"));
  made.defer(() => rm(directory, { recursive: true, force: true }));
  const nats = made.use(await testBus());
  const database = made.use(await testDatabase("budget"));
  const db = made.use(connectDatabase<Record<never, never>>({ url: database.url, name: "test", schema: "budget" }));
  const operators = made.use(await operatorIssuer());
  const services: Record<string, string> = {
    "budget-0": "budget",
    "budget-1": "budget",
    "authz-0": "authz",
    "authz-1": "authz",
    "authz-2": "authz",
    "token-0": "token",
  };
  const keys = await Promise.all(Object.keys(services).map((kid) => keyFile(directory, kid)));
  const keyOf = new Map(keys.map((key) => [key.kid, key.path]));
  const peersFile = await keySetFile(directory, "peers.json", keys, services);
  const bundleKey = await keyFile(directory, "bundles-1", "ES256");
  const forger = await keyFile(join(directory, "forger"), "bundles-1", "ES256");
  const bundleKeysFile = await keySetFile(directory, "bundle-keys.json", [bundleKey]);
  const owned = made.move();
  return {
    nats,
    database,
    db,
    operators,
    forger,
    async publish(tenant, revision, limits, { signer = bundleKey, rates = [], ...governance } = {}) {
      const policies = {
        format: 1,
        tenant,
        governance: { limits, rates, ...governance, settings: {} },
        policies: [],
      } as const;
      const sign = { key: signer.privateJwk as never };
      const { tarball, digest, version } = await writeBundle({ tenant, revision, policies, sign });
      const object = `${tenant}/${revision}-${digest.slice("sha256:".length)}`;
      await (await openObjects(nats.bus, stores.bundles)).put(object, tarball);
      const issued = Math.floor(Date.now() / 1000);
      const head = await signHead({ tenant, revision, version, digest, object, issued, expires: issued + 3_600 }, sign);
      await (await openBucket(nats.bus, stores.policyHeads)).put(tenant, head);
    },
    async start(instance, more = {}) {
      const [httpPort, grpcPort] = [await freePort(), await freePort()];
      const url = `http://127.0.0.1:${httpPort}`;
      const variables = {
        INSTANCE: instance,
        HTTP_PORT: String(httpPort),
        GRPC_PORT: String(grpcPort),
        NATS_URL: nats.url,
        POSTGRES_URL: database.url,
        MIGRATION_URL: database.migrationUrl,
        OIDC_ISSUER: operators.issuer,
        SERVICE_KEY_FILE: keyOf.get("budget-0") ?? "",
        PEERS_FILE: peersFile,
        BUNDLE_KEYS_FILE: bundleKeysFile,
        LOG_LEVEL: process.env.AEGIS_TEST_LOG_LEVEL ?? "warn",
      };
      const env = Object.fromEntries(Object.entries(variables).map(([name, value]) => [`AEGIS_BUDGET_${name}`, value]));
      const main = new URL("../src/main.ts", import.meta.url).pathname;
      const args = [...(more.preload === undefined ? [] : ["--import", more.preload]), main];
      const service = await startProcess({ command: process.execPath, args, env: { PATH: process.env.PATH ?? "", ...env, ...more.env } });
      owned.use(service);
      const ready = async () => service.exit() !== undefined || (await fetch(`${url}/readyz`)).ok;
      await until(ready, { what: `${instance} to be ready`, timeoutMs: 150_000 }).catch((error) => {
        throw new Error(`${instance} is not ready:\n${service.output()}`, { cause: error });
      });
      if (service.exit() !== undefined) throw new Error(`${instance} did not start:\n${service.output()}`);
      const clients = new Map<string, Client>();
      return {
        url,
        as(caller) {
          const known = clients.get(caller);
          if (known !== undefined) return known;
          const bearer = peerToken({ keyFile: keyOf.get(caller) ?? "", service: services[caller] ?? "", audience: "budget" });
          const client = owned.use(rpcClient(BudgetService, `127.0.0.1:${grpcPort}`, { bearer, deadlineMs: 20_000 }));
          clients.set(caller, client);
          return client;
        },
        output: () => service.output(),
        kill: async () => {
          service.kill("SIGKILL");
          await service.exited;
        },
        [Symbol.asyncDispose]: async () => void (await service.stop()),
      };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

export const limit = (scope: string, units: number, more: Partial<Limit> = {}): Limit => ({
  rule: "policy.yaml:1",
  scope,
  unit: "actions",
  window: scope.startsWith("prompt") ? "prompt" : "day",
  limit: units,
  timeZone: "UTC",
  ...more,
});

export const account = (tenant: string, scope: string, more: { unit?: string; window?: string } = {}) => ({
  tenant,
  scope,
  unit: "actions",
  window: scope.startsWith("prompt") ? "prompt" : "day",
  ...more,
});

export interface Books {
  leased: number;
  reserved: number;
  settled: number;
  overrun: number;
}

/** What one tenant's accounts of a scope hold together. */
export async function books(around: Surroundings, tenant: string, scope: string): Promise<Books> {
  const { rows } = await inTenant(around.db, tenant, (trx) =>
    sql<Books>`select coalesce(sum(leased), 0)::bigint as leased, coalesce(sum(reserved), 0)::bigint as reserved,
      coalesce(sum(settled), 0)::bigint as settled, coalesce(sum(overrun), 0)::bigint as overrun
      from accounts where scope = ${scope}`.execute(trx),
  );
  return rows[0] as Books;
}

export const total = (held: Books): number => held.leased + held.reserved + held.settled;

export interface Made {
  readonly tenant: string;
  readonly decisionId?: string;
  readonly agent?: string;
  readonly reservations?: readonly Reservation[];
  readonly epoch?: string;
  readonly producer?: string;
  readonly decision?: "allow" | "deny" | "sanitize";
  readonly dryRun?: boolean;
  readonly at?: number;
}

export function decision(made: Made): DecisionEvent {
  const { tenant, decisionId = v7(), agent = "a", reservations = [], epoch = "e1", producer = "authz-0", decision = "allow" } = made;
  return {
    specversion: "1.0",
    id: v7(),
    source: `aegis/authz/${producer}`,
    type: "dev.aegis.decision.made.v1",
    time: new Date(made.at ?? Date.now()).toISOString(),
    datacontenttype: "application/json",
    tenant,
    data: {
      decisionId,
      decision,
      reasons: [],
      kind: "check",
      principal: { org: "acme-org", tenant, agent, subject: agent, chain: [agent], depth: 0, instance: "i-1", tokenId: "t-12345678" },
      tool: "stripe-payments",
      action: "create_payment",
      arguments: {},
      redactions: [],
      context: { promptId: "p-1" },
      actionDigest: `sha256:${"a".repeat(64)}`,
      dryRun: made.dryRun ?? false,
      cost: { microUsd: 10, tokens: 1 },
      reservations: [...reservations],
      latencyMs: 1,
      pep: "grpc",
      producer: { id: producer, epoch, sequence: 1 },
    },
  };
}

export function outcome(of: DecisionEvent, name: OutcomeName, actual?: OutcomeEvent["data"]["actual"]): OutcomeEvent {
  return {
    ...of,
    id: v7(),
    type: "dev.aegis.outcome.reported.v1",
    data: {
      decisionId: of.data.decisionId,
      outcome: name,
      principal: of.data.principal,
      ...(actual === undefined ? {} : { actual }),
      producer: of.data.producer,
    },
  };
}

/** Says something as authz does, under a new event id each time, so that the stream itself drops no repeat. */
export async function say(around: Surroundings, event: DecisionEvent | OutcomeEvent): Promise<void> {
  const { tenant, data } = event;
  const agent = data.principal.agent;
  const to =
    "outcome" in data
      ? subject("outcome", { tenant, agent, outcome: data.outcome })
      : subject("decision", { tenant, agent, decision: data.decision });
  await publishEvent(around.nats.bus, to, { ...event, id: v7() });
}

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into whatever came.
  readonly body: any;
}

/** Calls the API as a person with these roles. */
export async function asOperator(
  around: Surroundings,
  roles: Record<string, OperatorRole[]>,
  method: string,
  url: string,
  json?: unknown,
): Promise<Answer> {
  const token = await around.operators.token({ user: "fin@acme.test", roles });
  const headers = { authorization: `Bearer ${token}`, ...(json === undefined ? {} : { "content-type": "application/json" }) };
  const response = await fetch(url, { method, headers, ...(json === undefined ? {} : { body: JSON.stringify(json) }) });
  return { status: response.status, body: await response.json() };
}
