import { type ChildProcess, spawn } from "node:child_process";
import { createPublicKey, type JsonWebKey } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { root } from "./cli.ts";
import type { Fabric } from "./fabric.ts";

/** Where OPA is on this machine, as `./aegis test` puts it there; undefined: nowhere. */
export const opa: string | undefined = [
  process.env.AEGIS_OPA,
  ...(process.env.PATH ?? "").split(delimiter).map((each) => join(each, "opa")),
  join(root, ".aegis/tools/opa"),
].find((each) => each !== undefined && existsSync(each));

/** An unmodified OPA that follows a tenant's policies from a fabric, with verification on. */
export interface PollingOpa extends AsyncDisposable {
  readonly url: string;
  /** The revision it has active; undefined before the first. */
  revision(): Promise<number | undefined>;
  decide(input: unknown): Promise<{ decision?: string; reasons?: { code: string }[] } | undefined>;
}

/** `keys`: a JWK set to trust instead of the fabric's. */
export async function startOpa(
  fabric: Pick<Fabric, "dataDirectory" | "endpoints" | "cli">,
  tenant: string,
  options: { keys?: { keys: (JsonWebKey & { kid: string })[] } } = {},
): Promise<PollingOpa> {
  const directory = await mkdtemp(join(tmpdir(), "opa-"));
  const token = await fabric.cli.json<{ access_token: string }>([
    ...["operator", "token", "--user", "opa@acme.test", "--role", "enforcement-point", "--tenant", tenant],
  ]);
  const tokenFile = join(directory, "token");
  await writeFile(tokenFile, token.access_token, { mode: 0o600 });
  const set = options.keys ?? JSON.parse(await readFile(join(fabric.dataDirectory, "keys", "bundle-keys.json"), "utf8"));
  const keys = (set.keys as (JsonWebKey & { kid: string })[]).map((key) => {
    const pem = createPublicKey({ key, format: "jwk" }).export({ type: "spki", format: "pem" });
    return [key.kid, { algorithm: "ES256", key: pem }] as const;
  });
  const config = {
    services: { aegis: { url: fabric.endpoints["policy-compiler"].http, credentials: { bearer: { token_path: tokenFile } } } },
    keys: Object.fromEntries(keys),
    bundles: {
      [tenant]: {
        service: "aegis",
        resource: `bundles/${tenant}.tar.gz`,
        polling: { long_polling_timeout_seconds: 20 },
        signing: { keyid: keys[0]?.[0] },
      },
    },
    status: { service: "aegis", partition_name: tenant },
    decision_logs: { service: "aegis", partition_name: tenant, reporting: { min_delay_seconds: 1, max_delay_seconds: 1 } },
  };
  const file = join(directory, "opa.json");
  await writeFile(file, JSON.stringify(config));
  const address = `127.0.0.1:${await freePort()}`;
  const child = spawn(opa!, ["run", "-s", "-c", file, "--addr", address, "--log-level", "error"], { stdio: "ignore" });
  const get = async <T>(path: string, body?: unknown): Promise<T | undefined> => {
    const answer = await fetch(`http://${address}${path}`, body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }).catch(
      () => undefined,
    );
    return answer?.ok ? ((await answer.json()) as { result?: T }).result : undefined;
  };
  return {
    url: `http://${address}`,
    async revision() {
      const text = await get<string>(`/v1/data/system/bundles/${tenant}/manifest/revision`);
      return text === undefined ? undefined : Number(text);
    },
    decide: (input) => get("/v1/data/aegis/decision", { input }),
    async [Symbol.asyncDispose]() {
      await ended(child);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise((resolve) => {
    child.once("exit", resolve);
    child.kill("SIGKILL");
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
