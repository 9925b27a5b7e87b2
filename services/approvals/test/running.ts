import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { publishEvent } from "@aegis/bus/publish";
import { ApprovalsService } from "@aegis/contracts/aegis/approvals/v1/approvals";
import type { DecisionEvent } from "@aegis/contracts/decision-event";
import type { OperatorRole } from "@aegis/contracts/operator";
import { subject } from "@aegis/contracts/subjects";
import { freePort } from "@aegis/infra/ports";
import { startProcess } from "@aegis/infra/process";
import { type RpcClient, rpcClient } from "@aegis/rpc/client";
import { peerToken } from "@aegis/rpc/peer";
import { type TestBus, type TestDatabase, type TestPostgres, testBus, testDatabase, testPostgres } from "@aegis/testkit/fabric";
import { type AgentIssuer, agentIssuer, keyFile, keySetFile, type OperatorIssuer, operatorIssuer } from "@aegis/testkit/keys";
import { until } from "@aegis/testkit/until";
import { v7 } from "uuid";

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into whatever came.
  readonly body: any;
}

export interface Running extends AsyncDisposable {
  readonly url: string;
  readonly authz: RpcClient<typeof ApprovalsService>;
  /** A service that is not authz. */
  readonly stranger: RpcClient<typeof ApprovalsService>;
  kill(): Promise<void>;
  output(): string;
}

/** NATS, PostgreSQL and issuers; the service is started by each test as a real process. */
export interface Surroundings extends AsyncDisposable {
  readonly nats: TestBus;
  readonly postgres: TestPostgres;
  readonly database: TestDatabase;
  readonly operators: OperatorIssuer;
  readonly agents: AgentIssuer;
  /** Keeps a secret of a tenant. */
  secret(tenant: string, name: string, value: string): Promise<void>;
  start(instance: string, more?: Readonly<Record<string, string>>): Promise<Running>;
}

export async function surroundings(): Promise<Surroundings> {
  await using made = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "aegis-approvals-"));
  made.defer(() => rm(directory, { recursive: true, force: true }));
  const nats = made.use(await testBus());
  const postgres = made.use(await testPostgres());
  const database = made.use(await testDatabase("approvals", postgres));
  const operators = made.use(await operatorIssuer());
  const agents = made.use(await agentIssuer());
  const own = await keyFile(directory, "approvals-0");
  const authz = await keyFile(directory, "authz-0");
  const token = await keyFile(directory, "token-0");
  const services = { "approvals-0": "approvals", "authz-0": "authz", "token-0": "token" };
  const peersFile = await keySetFile(directory, "peers.json", [own, authz, token], services);
  const owned = made.move();
  return {
    nats,
    postgres,
    database,
    operators,
    agents,
    async secret(tenant, name, value) {
      await mkdir(join(directory, "channel-secrets", tenant), { recursive: true });
      await writeFile(join(directory, "channel-secrets", tenant, name), value);
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
        SERVICE_KEY_FILE: own.path,
        PEERS_FILE: peersFile,
        TOKEN_ISSUER: agents.issuer,
        TOKEN_JWKS_URL: agents.jwksUrl,
        CHANNEL_SECRETS_DIRECTORY: join(directory, "channel-secrets"),
        CHANNELS_ALLOW_INTERNAL: "true",
        CHANNEL_BACKOFF_MS: "50",
        CHANNEL_BACKOFF_CAP_MS: "400",
        ...more,
        LOG_LEVEL: process.env.AEGIS_TEST_LOG_LEVEL ?? "warn",
      };
      const env = Object.fromEntries(Object.entries(variables).map(([name, value]) => [`AEGIS_APPROVALS_${name}`, value]));
      const main = new URL("../src/main.ts", import.meta.url).pathname;
      const service = await startProcess({ command: process.execPath, args: [main], env: { PATH: process.env.PATH ?? "", ...env } });
      owned.use(service);
      const ready = async () => service.exit() !== undefined || (await fetch(`${url}/readyz`)).ok;
      await until(ready, { what: `${instance} to be ready`, timeoutMs: 150_000 }).catch((error) => {
        throw new Error(`${instance} is not ready:\n${service.output()}`, { cause: error });
      });
      if (service.exit() !== undefined) throw new Error(`${instance} did not start:\n${service.output()}`);
      const client = (path: string, name: string) =>
        rpcClient(ApprovalsService, `127.0.0.1:${grpcPort}`, {
          bearer: peerToken({ keyFile: path, service: name, audience: "approvals" }),
          deadlineMs: 20_000,
        });
      return {
        url,
        authz: owned.use(client(authz.path, "authz")),
        stranger: owned.use(client(token.path, "token")),
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

const hex = (digit: string) => `sha256:${digit.repeat(64)}`;

/** What a held call looks like, with what a test changes. */
export interface Held {
  readonly tenant?: string;
  readonly agent?: string;
  readonly instance?: string;
  readonly quorum?: number;
  readonly expiresInMs?: number;
  /** One hex digit. */
  readonly action?: string;
  readonly rule?: string;
  readonly dryRun?: boolean;
  readonly policyVersion?: string;
}

/** Says that a call waits for people, as authz does; returns the approval's id. */
export async function hold(around: Surroundings, held: Held = {}): Promise<string> {
  const event = decision(held);
  await say(around, event);
  return event.data.approval?.id ?? "";
}

export async function say(around: Surroundings, event: DecisionEvent): Promise<void> {
  const { tenant, data } = event;
  await publishEvent(around.nats.bus, subject("decision", { tenant, agent: data.principal.agent, decision: data.decision }), event);
}

export function decision(held: Held = {}): DecisionEvent {
  const { tenant = "acme", agent = "finance-agent", instance = "i-1", quorum = 1, expiresInMs = 60_000 } = held;
  const id = v7();
  return {
    specversion: "1.0",
    id,
    source: "aegis/authz/authz-0",
    type: "dev.aegis.decision.made.v1",
    time: new Date().toISOString(),
    datacontenttype: "application/json",
    tenant,
    data: {
      decisionId: id,
      decision: "approval_needed",
      reasons: [{ code: "approval_required", message: "amount is above 5000", pointer: "/amount" }],
      kind: "check",
      principal: { org: "acme-org", tenant, agent, subject: "user:u-42", chain: [agent], depth: 0, instance, tokenId: "t-12345678" },
      tool: "stripe-payments",
      action: "create_payment",
      arguments: { amount: 50_000, memo: "nul \u0000 and [redacted]" },
      redactions: [],
      context: {},
      actionDigest: hex(held.action ?? "a"),
      ruleDigest: hex(held.rule ?? "b"),
      ...(held.policyVersion === undefined ? {} : { policyVersion: held.policyVersion }),
      dryRun: held.dryRun ?? false,
      approval: { id: v7(), queue: "finance", quorum, expiresAt: new Date(Date.now() + expiresInMs).toISOString() },
      reservations: [],
      latencyMs: 1,
      pep: "grpc",
      producer: { id: "authz-0", epoch: "e", sequence: 1 },
    },
  };
}

/** Calls the API with a bearer token. */
export async function call(token: string, method: string, url: string, json?: unknown): Promise<Answer> {
  const headers = { authorization: `Bearer ${token}`, ...(json === undefined ? {} : { "content-type": "application/json" }) };
  const response = await fetch(url, { method, headers, ...(json === undefined ? {} : { body: JSON.stringify(json) }) });
  const text = await response.text();
  return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
}

export const operatorToken = (around: Surroundings, user: string, roles: Record<string, OperatorRole[]> = { acme: ["approver"] }) =>
  around.operators.token({ user, roles });

export const agentToken = (around: Surroundings, claims: Record<string, unknown> = {}) =>
  around.agents.token({ tenant: "acme", client_id: "finance-agent", scope: "stripe-payments:*", ...claims });

export async function cast(around: Surroundings, service: Running, id: string, user: string, decided: "approve" | "deny"): Promise<Answer> {
  return call(await operatorToken(around, user), "POST", `${service.url}/v1/approvals/${id}/votes`, { decision: decided, comment: "" });
}

/** Asks, approves and collects. */
export async function approvedOverride(around: Surroundings, service: Running, held: Held = {}): Promise<{ id: string; token: string }> {
  const id = await hold(around, held);
  const voted = await cast(around, service, id, "alice@acme.test", "approve");
  if (voted.body.state !== "approved") throw new Error(JSON.stringify(voted));
  const { tenant = "acme", agent = "finance-agent", instance = "i-1" } = held;
  const token = await agentToken(around, { tenant, client_id: agent, instance });
  const collected = await call(token, "POST", `${service.url}/v1/approvals/${id}/override`);
  if (collected.status !== 200) throw new Error(JSON.stringify(collected));
  return { id, token: collected.body.override_token };
}

/** What authz sends to spend an override. */
export const redemption = (token: string, held: Held = {}, decisionId = v7()) => ({
  overrideToken: token,
  tenant: held.tenant ?? "acme",
  agent: held.agent ?? "finance-agent",
  instance: held.instance ?? "i-1",
  actionDigest: hex(held.action ?? "a"),
  ruleDigest: hex(held.rule ?? "b"),
  decisionId,
});
