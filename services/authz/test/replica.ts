import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openBucket } from "@aegis/bus/kv";
import { openObjects } from "@aegis/bus/objects";
import { AuthorizationService, type CheckRequestSchema } from "@aegis/contracts/aegis/authz/v1/authz";
import { stores } from "@aegis/contracts/subjects";
import { freePort } from "@aegis/infra/ports";
import { type BundleSigner, signHead, writeBundle } from "@aegis/policy/bundle";
import { compile } from "@aegis/policy/compile";
import { rpcClient } from "@aegis/rpc/client";
import { testBus } from "@aegis/testkit/fabric";
import { agentIssuer, keyFile, keySetFile } from "@aegis/testkit/keys";
import { until } from "@aegis/testkit/until";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { startPeers } from "./peers.ts";

/** Everything around one authz process: real NATS, a token issuer, and peers that speak the contracts. */
export async function startWorld() {
  await using started = new AsyncDisposableStack();
  const directory = mkdtempSync(join(tmpdir(), "authz-"));
  const keys = join(directory, "keys");
  const fabric = started.use(await testBus());
  const issuer = started.use(await agentIssuer());
  const serviceKey = await keyFile(keys, "authz-0");
  const bundleKey = await keyFile(keys, "bundles", "ES256");
  const peersFile = await keySetFile(keys, "peers.json", [serviceKey], { "authz-0": "authz" });
  const bundleKeysFile = await keySetFile(keys, "bundle-keys.json", [bundleKey]);
  const peers = started.use(await startPeers(peersFile));
  const [grpcPort, httpPort] = [await freePort(), await freePort()];
  const environment = {
    INSTANCE: "authz-0",
    GRPC_PORT: String(grpcPort),
    HTTP_PORT: String(httpPort),
    NATS_URL: fabric.url,
    DATA_DIRECTORY: join(directory, "data"),
    TOKEN_ISSUER: issuer.issuer,
    TOKEN_JWKS_URL: issuer.jwksUrl,
    APPROVALS_ADDRESS: peers.approvalsAddress,
    BUDGET_ADDRESS: peers.budgetAddress,
    APPROVALS_URL: "http://approvals.test",
    BUNDLE_KEYS_FILE: bundleKeysFile,
    SERVICE_KEY_FILE: serviceKey.path,
    PEERS_FILE: peersFile,
    LOG_LEVEL: process.env.AEGIS_TEST_LOG_LEVEL ?? "silent",
  };
  const client = started.use(rpcClient(AuthorizationService, `127.0.0.1:${grpcPort}`, { deadlineMs: 10_000 }));
  const http = `http://127.0.0.1:${httpPort}`;
  const isReady = async () => (await fetch(`${http}/readyz`)).status === 200;
  let child: ChildProcess | undefined;
  let revision = 0;
  started.defer(async () => stop("SIGKILL"));

  async function stop(signal: NodeJS.Signals): Promise<void> {
    const running = child;
    child = undefined;
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    running.kill(signal);
    await once(running, "exit");
  }

  const world = {
    ...{ environment, fabric, issuer, peers, client, http, stop, directory, peersFile, bundleKeysFile, bundleKey, serviceKey },
    async start(change: Record<string, string> = {}): Promise<void> {
      const own = Object.entries({ ...environment, ...change }).map(([name, value]) => [`AEGIS_AUTHZ_${name}`, value]);
      child = spawn(process.execPath, [join(import.meta.dirname, "../src/main.ts")], {
        stdio: ["ignore", "inherit", "inherit"],
        env: { ...process.env, ...Object.fromEntries(own) },
      });
    },
    isReady,
    ready: () => until(isReady, { what: "authz is ready" }),
    /** Publishes as the compiler would; resolves to the version. */
    async publish(text: string, tenant = "acme"): Promise<string> {
      revision += 1;
      const compiled = compile([{ name: "policy.yaml", text }], { tenant });
      if (!compiled.ok) throw new Error(JSON.stringify(compiled.faults));
      const sign = { key: bundleKey.privateJwk as BundleSigner["key"] };
      const { tarball, digest, version } = await writeBundle({ tenant, revision, policies: compiled.policies, sign });
      const object = `${tenant}/${revision}-${digest.slice(7)}`;
      await (await openObjects(fabric.bus, stores.bundles)).put(object, tarball);
      const issued = Math.floor(Date.now() / 1000);
      const head = await signHead({ tenant, revision, version, digest, object, issued, expires: issued + 3600 }, sign);
      await (await openBucket(fabric.bus, stores.policyHeads)).put(tenant, head);
      return version;
    },
    /** Publishes and waits until this replica says that it is in force. */
    async enforce(text: string, tenant = "acme"): Promise<void> {
      await world.publish(text, tenant);
      const replicas = await openBucket(fabric.bus, stores.replicas);
      await until(async () => {
        const entry = await replicas.get("authz-0");
        return entry && JSON.parse(new TextDecoder().decode(entry.value)).tenants[tenant] === revision;
      });
    },
    async token(claims: Record<string, unknown> = {}): Promise<string> {
      return issuer.token({ client_id: "finance-agent", tenant: "acme", scope: "stripe-payments:*", ...claims });
    },
    check: (request: MessageInitShape<typeof CheckRequestSchema>, args: object = { amount: 100 }) =>
      client.check({
        tool: "stripe-payments",
        action: "create_payment",
        args: { case: "argumentsJson", value: Buffer.from(JSON.stringify(args)) },
        ...request,
      }),
    [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose](),
  };
  const resources = started.move();
  return world;
}

export type World = Awaited<ReturnType<typeof startWorld>>;
