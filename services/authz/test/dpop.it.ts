import { join } from "node:path";
import { AuthorizationService, Decision } from "@aegis/contracts/aegis/authz/v1/authz";
import { AegisError } from "@aegis/contracts/errors";
import { signProof } from "@aegis/identity/dpop";
import { generateKey, thumbprint } from "@aegis/identity/keys";
import { freePort } from "@aegis/infra/ports";
import { rpcClient } from "@aegis/rpc/client";
import { tokenAttacks } from "@aegis/testkit/token-attacks";
import { until } from "@aegis/testkit/until";
import { decodeJwt } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startService } from "./process.ts";
import { startWorld, type World } from "./replica.ts";

const policy = `
agent: finance-agent
allowed_tools:
- name: stripe-payments
  actions:
  - create_payment
`;
const origin = "https://authz.acme.test";
const started = new AsyncDisposableStack();
let world: World;
let token: string;
let key: Awaited<ReturnType<typeof generateKey>>;
let replicas: { check(proof: string): Promise<string>; decide(token: string): Promise<string>; stop(): Promise<void> }[];

async function startReplica(instance: string) {
  const [grpcPort, httpPort] = [await freePort(), await freePort()];
  const own = { INSTANCE: instance, GRPC_PORT: String(grpcPort), HTTP_PORT: String(httpPort), ORIGINS: origin };
  const main = join(import.meta.dirname, "../src/main.ts");
  const data = { DATA_DIRECTORY: join(world.directory, `data-${instance}`) };
  const service = startService(main, "AEGIS_AUTHZ", { ...world.environment, ...own, ...data });
  started.use(service);
  await until(async () => (await fetch(`http://127.0.0.1:${httpPort}/readyz`)).ok, { what: `${instance} is ready`, timeoutMs: 60_000 });
  const client = started.use(rpcClient(AuthorizationService, `127.0.0.1:${grpcPort}`, { deadlineMs: 10_000 }));
  const call = { tool: "stripe-payments", action: "create_payment", args: { case: "argumentsJson" as const, value: Buffer.from("{}") } };
  const decide = async (agentToken: string, dpopProof = ""): Promise<string> => {
    const answer = await client.check({ agentToken, dpopProof, ...call });
    return answer.decision === Decision.ALLOW ? "allow" : answer.reasons.map((reason) => reason.code).join();
  };
  return {
    check: (dpopProof: string) => decide(token, dpopProof),
    decide,
    stop: async () => service[Symbol.asyncDispose](),
  };
}

const proof = () =>
  signProof({ privateJwk: key.privateJwk, htm: "POST", htu: `${origin}/aegis.authz.v1.AuthorizationService/Check`, accessToken: token });

beforeAll(async () => {
  world = started.use(await startWorld());
  key = await generateKey("ES256");
  token = await world.token({ cnf: { jkt: await thumbprint(key.publicJwk) } });
  await world.publish(policy);
  replicas = await Promise.all(["authz-1", "authz-2", "authz-3"].map(startReplica));
  for (const replica of replicas)
    await until(async () => (await replica.check(await proof())) === "allow", { what: "the policy is in force", timeoutMs: 30_000 });
});
afterAll(async () => {
  await started.disposeAsync();
});

test("one proof at three replicas at once, ten times each, is accepted once; and never again after they and NATS were restarted", async () => {
  const spent: string[] = [];
  for (let round = 0; round < 20; round++) {
    const one = await proof();
    spent.push(one);
    const answers = await Promise.all(replicas.flatMap((replica) => Array.from({ length: 10 }, () => replica.check(one))));
    expect(answers.filter((answer) => answer === "allow")).toHaveLength(1);
    expect(new Set(answers)).toEqual(new Set(["allow", "token_replayed"]));
  }
  await replicas[0]?.stop();
  await world.fabric.kill();
  await world.fabric.start();
  replicas[0] = await startReplica("authz-1");
  for (const replica of replicas) await until(async () => (await replica.check(await proof())) === "allow", { timeoutMs: 30_000 });
  const again = await Promise.all(replicas.flatMap((replica) => spent.map((one) => replica.check(one))));
  expect(new Set(again)).toEqual(new Set(["token_replayed"]));
});

test("while NATS is away a proof cannot be told from a used one, and is refused", async () => {
  await world.fabric.kill();
  expect(await replicas[1]?.check(await proof())).toBe("token_replayed");
  await world.fabric.start();
  await until(async () => (await replicas[1]?.check(await proof())) === "allow", { timeoutMs: 30_000 });
});

test("of more than 200 attacks on agents' tokens none gets a decision", async () => {
  await until(async () => (await replicas[1]?.check(await proof())) === "allow", { timeoutMs: 30_000 });
  const { pair } = world.issuer;
  const stranger = await generateKey();
  const claims = decodeJwt(await world.token());
  const from = { ...pair, strangerJwk: stranger.privateJwk, strangerPublicJwk: stranger.publicJwk };
  const attacks = await tokenAttacks({ ...from, claims, type: "at+jwt" });
  expect(attacks.length).toBeGreaterThan(200);
  const decided: string[] = [];
  for (const { name, token: forged } of attacks) {
    const answer = await replicas[1]?.decide(forged).catch((error: unknown) => error);
    const isRefused = answer instanceof AegisError && ["unauthenticated", "invalid_argument", "resource_exhausted"].includes(answer.code);
    if (!isRefused && answer !== "token_expired") decided.push(`${name}: ${String(answer)}`);
  }
  expect(decided).toEqual([]);
  expect(await replicas[1]?.decide(await world.token())).toBe("allow");
});

test("RFC 9728: the decision point says which authorization server's tokens and proofs it takes", async () => {
  await world.start({ RESOURCE: "https://authz.acme.test" });
  await world.ready();
  const response = await fetch(`${world.http}/.well-known/oauth-protected-resource`);
  expect(await response.json()).toMatchObject({
    resource: "https://authz.acme.test",
    authorization_servers: [world.issuer.issuer],
    dpop_signing_alg_values_supported: ["EdDSA", "Ed25519", "ES256"],
  });
});
