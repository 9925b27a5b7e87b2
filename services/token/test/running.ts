import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OperatorRole } from "@aegis/contracts/operator";
import { type AgentRef, assertionType, clientId, signClientAssertion } from "@aegis/identity/assertion";
import type { AgentClaims } from "@aegis/identity/claims";
import { type GeneratedKey, generateKey } from "@aegis/identity/keys";
import { freePort } from "@aegis/infra/ports";
import { startProcess } from "@aegis/infra/process";
import { type TestBus, type TestDatabase, type TestPostgres, testBus, testDatabase } from "@aegis/testkit/fabric";
import { type KeyFile, keyFile, keySetFile, type OperatorIssuer, operatorIssuer } from "@aegis/testkit/keys";
import { until } from "@aegis/testkit/until";
import { decodeJwt } from "jose";

/** What instances of the service share. */
export interface Surroundings extends AsyncDisposable {
  readonly nats: TestBus;
  readonly database: TestDatabase;
  readonly operators: OperatorIssuer;
  readonly peer: KeyFile;
  /** Starts the service as it is deployed, as a process; resolves once it is ready. */
  start(instance: string, options?: { issuer?: string; environment?: Record<string, string> }): Promise<Running>;
}

export interface Running extends AsyncDisposable {
  readonly url: string;
  kill(): Promise<void>;
}

export async function surroundings(postgres?: TestPostgres): Promise<Surroundings> {
  await using made = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "aegis-token-"));
  made.defer(() => rm(directory, { recursive: true, force: true }));
  const nats = made.use(await testBus());
  const database = made.use(await testDatabase("token", postgres));
  const operators = made.use(await operatorIssuer());
  const peer = await keyFile(directory, "authz-0");
  const peersFile = await keySetFile(directory, "peers.json", [peer], { "authz-0": "authz" });
  const sealingKey = randomBytes(32).toString("base64url");
  const owned = made.move();
  return {
    nats,
    database,
    operators,
    peer,
    async start(instance, { issuer, environment = {} } = {}) {
      const port = await freePort();
      const url = `http://127.0.0.1:${port}`;
      const variables = {
        INSTANCE: instance,
        HTTP_PORT: String(port),
        ISSUER: issuer ?? url,
        NATS_URL: nats.url,
        POSTGRES_URL: database.url,
        MIGRATION_URL: database.migrationUrl,
        OIDC_ISSUER: operators.issuer,
        SERVICE_KEY_FILE: peer.path,
        PEERS_FILE: peersFile,
        SEALING_KEY: sealingKey,
        LOG_LEVEL: process.env.AEGIS_TEST_LOG_LEVEL ?? "warn",
        ...environment,
      };
      const env = Object.fromEntries(Object.entries(variables).map(([name, value]) => [`AEGIS_TOKEN_${name}`, value]));
      const main = new URL("../src/main.ts", import.meta.url).pathname;
      const service = await startProcess({ command: process.execPath, args: [main], env: { PATH: process.env.PATH ?? "", ...env } });
      owned.use(service);
      await until(
        async () => {
          const exit = service.exit();
          return exit !== undefined || (await fetch(`${url}/readyz`)).ok;
        },
        { what: `${instance} to be ready`, timeoutMs: 60_000 },
      );
      if (service.exit() !== undefined) throw new Error(`${instance} did not start:\n${service.output()}`);
      return {
        url,
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

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into whatever came.
  readonly body: any;
}

async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  const json = /json/.test(response.headers.get("content-type") ?? "");
  return { status: response.status, headers: response.headers, body: json ? JSON.parse(text) : text };
}

/** Calls an API as a person with these roles. */
export async function asOperator(
  around: Surroundings,
  roles: Record<string, OperatorRole[]>,
  method: string,
  url: string,
  json?: unknown,
): Promise<Answer> {
  const token = await around.operators.token({ user: "alice@acme.test", roles });
  const headers = { authorization: `Bearer ${token}`, ...(json === undefined ? {} : { "content-type": "application/json" }) };
  return answerOf(await fetch(url, { method, headers, ...(json === undefined ? {} : { body: JSON.stringify(json) }) }));
}

export const postForm = async (url: string, form: Record<string, string>, headers: Record<string, string> = {}): Promise<Answer> =>
  answerOf(await fetch(url, { method: "POST", headers, body: new URLSearchParams(form) }));

/** A registered agent that can ask for tokens. */
export interface Client extends AgentRef {
  readonly key: GeneratedKey;
  assertion(): Promise<string>;
  /** Form parameters that authenticate one request. */
  credentials(): Promise<Record<string, string>>;
  own(parameters?: Record<string, string>): Promise<Answer>;
  exchange(subjectToken: string, parameters?: Record<string, string>): Promise<Answer>;
}

/** Registers an agent as the tenant's admin. */
export async function registered(
  around: Surroundings,
  service: { readonly url: string },
  ref: AgentRef,
  scope: string[] | undefined,
  mayAct: string[] | undefined = [],
  more: object = {},
): Promise<Client> {
  const key = await generateKey();
  const body = { ...ref, owner: "alice@acme.test", scope, mayAct, publicJwk: key.publicJwk, ...more };
  const answer = await asOperator(around, { [ref.tenant]: ["admin"] }, "POST", `${service.url}/v1/agents`, body);
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
  return client(service, ref, key);
}

export function client(service: { readonly url: string }, ref: AgentRef, key: GeneratedKey): Client {
  const assertion = () => signClientAssertion({ privateJwk: key.privateJwk, client: ref, audience: service.url });
  const credentials = async () => ({
    client_id: clientId(ref),
    client_assertion_type: assertionType,
    client_assertion: await assertion(),
  });
  const ask = async (form: Record<string, string>) => postForm(`${service.url}/oauth/token`, { ...(await credentials()), ...form });
  return {
    ...ref,
    key,
    assertion,
    credentials,
    own: (parameters = {}) => ask({ grant_type: "client_credentials", ...parameters }),
    exchange: (subjectToken, parameters = {}) =>
      ask({
        grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
        subject_token: subjectToken,
        subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
        ...parameters,
      }),
  };
}

export const claimsOf = (answer: Answer): AgentClaims => decodeJwt(answer.body.access_token) as unknown as AgentClaims;
