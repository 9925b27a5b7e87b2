import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@aegis/infra/ports";
import { type RunningProcess, startProcess } from "@aegis/infra/process";
import { type TestBus, testBus, testDatabase } from "@aegis/testkit/fabric";
import { type KeyFile, keyFile, operatorIssuer } from "@aegis/testkit/keys";
import { until } from "@aegis/testkit/until";

type Database = Awaited<ReturnType<typeof testDatabase>>;
type Operators = Awaited<ReturnType<typeof operatorIssuer>>;

/** What policy-compilers share: NATS, PostgreSQL, an issuer of operators, the signing key. */
export interface Surroundings extends AsyncDisposable {
  readonly nats: TestBus;
  readonly database: Database;
  readonly operators: Operators;
  readonly key: KeyFile;
  /** `more`: further variables, without their prefix. */
  start(instance: string, more?: Readonly<Record<string, string>>): Promise<PolicyCompiler>;
}

/** A policy-compiler as a process of its own, as it runs in production. */
export interface PolicyCompiler extends AsyncDisposable {
  readonly url: string;
  readonly process: RunningProcess;
}

export async function surroundings(): Promise<Surroundings> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "aegis-policy-compiler-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const nats = stack.use(await testBus());
  const database = stack.use(await testDatabase("policy-compiler"));
  const operators = stack.use(await operatorIssuer());
  const key = await keyFile(directory, "bundle-1", "ES256");
  const owned = stack.move();
  return {
    nats,
    database,
    operators,
    key,
    async start(instance, more = {}) {
      const port = await freePort();
      const variables: Record<string, string> = {
        INSTANCE: instance,
        HTTP_PORT: String(port),
        NATS_URL: nats.url,
        POSTGRES_URL: database.url,
        MIGRATION_URL: database.migrationUrl,
        OIDC_ISSUER: operators.issuer,
        SIGNING_KEY_FILE: key.path,
        HEAD_LIFETIME: "10",
        RECONCILE_INTERVAL: "250",
        ...more,
      };
      const env = Object.fromEntries(Object.entries(variables).map(([name, value]) => [`AEGIS_POLICY_COMPILER_${name}`, value]));
      const main = new URL("../src/main.ts", import.meta.url).pathname;
      const child = await startProcess({ command: process.execPath, args: [main], env: { PATH: process.env.PATH ?? "", ...env } });
      owned.use(child);
      const url = `http://127.0.0.1:${port}`;
      await until(async () => child.exit() !== undefined || (await fetch(`${url}/readyz`)).ok, {
        timeoutMs: 30_000,
        what: "policy-compiler is ready",
      });
      if (child.exit() !== undefined) throw new Error(`policy-compiler ended:\n${child.output()}`);
      return { url, process: child, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A policy for finance-agent whose one bound is `max`. */
export const policy = (max: number, tenant = "acme") => ({
  name: "finance.yaml",
  text: `apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: finance, tenant: ${tenant} }
spec:
  agents: [finance-agent]
  tools:
    - name: stripe-payments
      actions:
        - name: create_payment
          parameters:
            amount: { type: number, max: ${max} }
`,
});
