import { createHash, randomBytes } from "node:crypto";
import { access, chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join, resolve } from "node:path";
import { AegisError } from "@aegis/contracts/errors";
import { accountsConfiguration, type NatsLogins, usersAccount } from "./nats-accounts.ts";
import { ensureNatsServer, natsServerVersion } from "./nats-binary.ts";
import { stopOrphan } from "./orphan.ts";
import { requirePort } from "./ports.ts";
import { type Command, type ProcessOptions, type RunningProcess, startProcess } from "./process.ts";

export { ensureNatsServer } from "./nats-binary.ts";

export interface NatsServerOptions extends NatsLogins {
  /** Made if missing: configuration, pid file and JetStream's files. */
  readonly directory: string;
  readonly port: number;
  readonly monitorPort?: number;
  /** Where a server may be found or built. */
  readonly toolsDirectory: string;
  /** "always": fsync before every acknowledgement, a few hundred messages a second. Default "1s": a killed process loses nothing, a power cut up to a second. */
  readonly sync?: "always" | "1s";
}

export interface NatsServer extends AsyncDisposable {
  /** nats://127.0.0.1:port */
  readonly url: string;
  readonly pid: number;
  readonly process: RunningProcess;
  /** Starts the same server again; its configuration is written already. */
  readonly command: Command;
  stop(): Promise<void>;
}

/** A password for one user: 192 random bits, safe in a URL. */
export function generatePassword(): string {
  return randomBytes(24).toString("base64url");
}

/**
 * Starts nats-server with JetStream on 127.0.0.1 and resolves once it takes connections. Keeps and finds again what is in
 * `directory`; calling it again after a crash is how to restart. Throws `unavailable` in one sentence.
 */
export async function startNatsServer(options: NatsServerOptions, output: ProcessOptions = {}): Promise<NatsServer> {
  const directory = resolve(options.directory);
  const binary = await ensureNatsServer(options.toolsDirectory);
  await mkdir(join(directory, "jetstream"), { recursive: true, mode: 0o700 });
  const config = join(directory, "nats-server.conf");
  await stopOrphan(join(directory, "nats-server.pid"), (commandLine) => commandLine.includes(config));
  for (const port of [options.port, options.monitorPort ?? 0]) {
    if (port !== 0) await requirePort(port, "NATS");
  }
  if (options.users !== undefined) await adoptDefaultAccount(join(directory, "jetstream"));
  await writeConfiguration(options, directory, await natsServerVersion(binary));
  const command: Command = { command: binary, args: ["-c", config] };
  const server = await startProcess(command, output);
  try {
    await ready(server, options.port);
  } catch (error) {
    await server.stop();
    throw error;
  }
  const stop = async () => void (await server.stop());
  return { url: `nats://127.0.0.1:${options.port}`, pid: server.pid, process: server, command, stop, [Symbol.asyncDispose]: stop };
}

/** Has a running server of this directory take over other logins; nobody whose login stays is disconnected. */
export async function reloadNatsServer(options: NatsServerOptions): Promise<void> {
  const directory = resolve(options.directory);
  const version = await natsServerVersion(await ensureNatsServer(options.toolsDirectory));
  await writeConfiguration(options, directory, version);
  const pid = Number.parseInt(await readFile(join(directory, "nats-server.pid"), "utf8"), 10);
  process.kill(pid, "SIGHUP");
}

async function writeConfiguration(
  options: NatsServerOptions,
  directory: string,
  version: readonly [number, number, number],
): Promise<void> {
  const config = join(directory, "nats-server.conf");
  await writeFile(`${config}.draft`, configuration(options, directory, version), { mode: 0o600 });
  await chmod(`${config}.draft`, 0o600);
  await rename(`${config}.draft`, config);
}

/** No client needs it, and as long as the logins stay it stays, so that a reload disconnects nobody. */
function observerPassword({ users = [] }: NatsServerOptions): string {
  const secret = createHash("sha256").update(users.map(({ password }) => password).join("\n"));
  return users.length === 0 ? generatePassword() : secret.digest("base64url");
}

/** NATS reads JSON values, but as a whole wants `key: value` lines. */
function configuration(options: NatsServerOptions, directory: string, version: readonly [number, number, number]): string {
  const hasSync = version[0] > 2 || version[1] >= 10;
  const entries: Record<string, unknown> = {
    server_name: "aegis",
    listen: `127.0.0.1:${options.port}`,
    ...(options.monitorPort === undefined ? {} : { http: `127.0.0.1:${options.monitorPort}` }),
    pid_file: join(directory, "nats-server.pid"),
    max_payload: 8 * 1024 * 1024,
    jetstream: { store_dir: join(directory, "jetstream"), ...(hasSync ? { sync_interval: options.sync ?? "1s" } : {}) },
    ...accountsConfiguration(options, observerPassword(options)),
  };
  return `${Object.entries(entries)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
    .join("\n")}\n`;
}

/**
 * JetStream keeps its files under the account's name. What a server stored before its users had an account of their own lies
 * under that of the default account, and would be lost to them.
 */
async function adoptDefaultAccount(store: string): Promise<void> {
  // The server adds this last directory by itself.
  const [from, to] = ["$G", usersAccount].map((account) => join(store, "jetstream", account)) as [string, string];
  if ((await isThere(from)) && !(await isThere(to))) await rename(from, to);
}

const isThere = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

/** The server greets with its INFO once JetStream has recovered what it stores. */
async function ready(server: RunningProcess, port: number): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await greets(port))) {
    if (server.exit() !== undefined) throw new AegisError("unavailable", `nats-server did not start: ${reason(server.output())}`);
    if (performance.now() > deadline) throw new AegisError("unavailable", "nats-server took no connection within 60 s");
    await new Promise((next) => setTimeout(next, 20));
  }
}

function greets(port: number): Promise<boolean> {
  return new Promise((answer) => {
    const socket = connect(port, "127.0.0.1");
    const finish = (value: boolean) => {
      socket.destroy();
      answer(value);
    };
    let heard = "";
    socket.setTimeout(1_000, () => finish(false));
    socket.once("error", () => finish(false));
    socket.once("close", () => finish(false));
    socket.on("data", (chunk) => {
      heard += chunk.toString("utf8");
      if (heard.includes("\r\n")) finish(heard.startsWith("INFO ") && heard.includes('"jetstream":true'));
    });
  });
}

function reason(output: string): string {
  if (/no space left/i.test(output)) return "the disk is full";
  const lines = output.trim().split("\n");
  const line = lines.findLast((candidate) => /\[(FTL|ERR)\]/.test(candidate)) ?? lines.at(-1) ?? "";
  return line.replace(/^.*\[(?:FTL|ERR)\] */, "") || "it said nothing";
}
