import { createHash, randomBytes } from "node:crypto";
import { chmod, chown, mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { AegisError } from "@aegis/contracts/errors";
import pg from "pg";
import { describe, pidIn, stopOrphan } from "./orphan.ts";
import { requirePort } from "./ports.ts";
import { ensurePostgres, type PostgresBinaries } from "./postgres-binary.ts";
import { type Command, type ProcessOptions, type RunningProcess, startProcess } from "./process.ts";
import { isReachable, openPassage, type RunAs, unprivileged } from "./run-as.ts";

export interface PostgresServerOptions {
  /** Made if missing: the superuser's password (0600) and the data. The directory above it is taken to be ours as well. */
  readonly directory: string;
  readonly port: number;
  /** Where PostgreSQL's programs are kept once copied. */
  readonly toolsDirectory: string;
}

export interface PostgresServer extends AsyncDisposable {
  /** postgres://postgres:password@127.0.0.1:port/postgres, of the superuser. */
  readonly url: string;
  readonly pid: number;
  readonly process: RunningProcess;
  /** Starts the same server again on its data, unless a stale lock is in the way: `startPostgres` clears that too. */
  readonly command: Command;
  /** Where the data is: `<directory>/data`, or under /var/lib/aegis where PostgreSQL's user cannot reach that. */
  readonly dataDirectory: string;
  stop(): Promise<void>;
}

const passwordFile = "superuser-password";

/**
 * Starts PostgreSQL on 127.0.0.1 and resolves once it answers; makes the data on first use and finds it again afterwards.
 * Calling it again after a crash is how to restart. As root it runs as `postgres` or `nobody`; where that user cannot reach
 * `directory`, the directory and the one above it are opened for passage, and if one further up is closed the data is kept under
 * /var/lib/aegis, which stderr says. Throws `unavailable` in one sentence.
 */
export async function startPostgres(options: PostgresServerOptions, output: ProcessOptions = {}): Promise<PostgresServer> {
  const directory = resolve(options.directory);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const data = await place(directory, await unprivileged());
  const runAs = await keeper(data);
  const major = await majorOf(data);
  const binaries = await ensurePostgres(options.toolsDirectory, runAs, major);
  await clearStaleLock(data);
  await requirePort(options.port, "PostgreSQL");
  const password = await superuserPassword(directory);
  if (major === undefined) await initialise(binaries, data, password, runAs);
  const command = serverCommand(binaries, data, options.port, runAs);
  const url = `postgres://postgres:${password}@127.0.0.1:${options.port}/postgres`;
  const server = await startUntilReady(command, url, output);
  const stop = async () => void (await server.stop());
  return { url, pid: server.pid, process: server, command, dataDirectory: data, stop, [Symbol.asyncDispose]: stop };
}

async function place(directory: string, runAs: RunAs | undefined): Promise<string> {
  if (runAs === undefined) return join(directory, "data");
  await openPassage(dirname(directory));
  await openPassage(directory);
  if (await isReachable(directory, runAs)) return join(directory, "data");
  const fresh = (await stat(join(directory, passwordFile)).catch(() => undefined)) === undefined;
  const elsewhere = join("/var/lib/aegis", `postgres-${createHash("sha256").update(directory).digest("hex").slice(0, 12)}`);
  process.stderr.write(`PostgreSQL does not run as root, and no other user can reach ${directory}: its data is in ${elsewhere}\n`);
  await mkdir(elsewhere, { recursive: true, mode: 0o755 });
  // The directory was removed and made anew: what is left over belongs to the one that is gone.
  if (fresh) await rename(join(elsewhere, "data"), join(elsewhere, `data.left-${Date.now()}`)).catch(() => undefined);
  return join(elsewhere, "data");
}

/** Data that exists is served by the user who owns it. */
async function keeper(data: string): Promise<RunAs | undefined> {
  const wanted = await unprivileged();
  const found = await stat(data).catch(() => undefined);
  return wanted !== undefined && found !== undefined && found.uid !== 0 ? { uid: found.uid, gid: found.gid } : wanted;
}

async function majorOf(data: string): Promise<number | undefined> {
  const text = await readFile(join(data, "PG_VERSION"), "utf8").catch(() => undefined);
  return text === undefined ? undefined : Number.parseInt(text, 10);
}

/**
 * PostgreSQL believes its lock when any process has the number in it, which after a crash may be a stranger's. A server whose
 * supervisor was killed is ended; one that has a supervisor is not ours to end.
 */
async function clearStaleLock(data: string): Promise<void> {
  const lock = join(data, "postmaster.pid");
  const isOurs = (commandLine: string) => commandLine.includes(`-D ${data} `);
  await stopOrphan(lock, isOurs, "SIGINT");
  const pid = await pidIn(lock);
  const running = pid === undefined ? undefined : await describe(pid);
  if (running !== undefined && isOurs(running.commandLine)) {
    throw new AegisError("unavailable", `PostgreSQL already runs on ${data} as process ${pid}`);
  }
  await rm(lock, { force: true });
}

async function superuserPassword(directory: string): Promise<string> {
  const path = join(directory, passwordFile);
  const known = await readFile(path, "utf8").catch(() => undefined);
  if (known !== undefined && known !== "") return known;
  const password = randomBytes(24).toString("base64url");
  await writeFile(path, password, { mode: 0o600 });
  return password;
}

/** Made beside its final place and moved there when whole: an interrupted initdb leaves nothing that looks like data. */
async function initialise(binaries: PostgresBinaries, data: string, password: string, runAs: RunAs | undefined): Promise<void> {
  const fresh = `${data}.new`;
  const handover = `${data}.password`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { mode: 0o700 });
  try {
    await writeFile(handover, password, { mode: 0o600 });
    if (runAs !== undefined) for (const path of [fresh, handover]) await chown(path, runAs.uid, runAs.gid);
    const args = [
      "-D",
      fresh,
      "-U",
      "postgres",
      "--auth=scram-sha-256",
      `--pwfile=${handover}`,
      "--encoding=UTF8",
      "--locale=C",
      "--no-instructions",
    ];
    const initdb = await startProcess({ ...base(binaries, runAs), command: join(binaries.bin, "initdb"), args });
    if ((await initdb.exited).code !== 0) throw new AegisError("unavailable", `initdb failed: ${reason(initdb.output())}`);
    await chmod(fresh, 0o700);
    await rename(fresh, data);
  } finally {
    await rm(handover, { force: true });
  }
}

function serverCommand(binaries: PostgresBinaries, data: string, port: number, runAs: RunAs | undefined): Command {
  const settings = {
    port: String(port),
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    max_connections: "200",
    fsync: "on",
    synchronous_commit: "on",
    password_encryption: "scram-sha-256",
    log_line_prefix: "%m [%p] %q%u@%d ",
    log_min_messages: "warning",
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  return { ...base(binaries, runAs), command: join(binaries.bin, "postgres"), args: ["-D", data, ...flags], stopSignal: "SIGINT" };
}

/** No PG* variable of the caller may reach the server. */
function base(binaries: PostgresBinaries, runAs: RunAs | undefined) {
  const env = { PATH: "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC", LD_LIBRARY_PATH: join(dirname(binaries.bin), "lib") };
  return { env, cwd: "/", ...(runAs ?? {}) };
}

/** After a kill -9 the old server's children may hold its shared memory for a moment: then once more. */
async function startUntilReady(command: Command, url: string, output: ProcessOptions): Promise<RunningProcess> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const server = await startProcess(command, output);
    while (server.exit() === undefined) {
      if (await answers(url)) return server;
      if (performance.now() > deadline) {
        await server.stop();
        throw new AegisError("unavailable", "PostgreSQL did not answer within 60 s");
      }
      await new Promise((next) => setTimeout(next, 20));
    }
    const said = server.output();
    if (!/pre-existing shared memory block/.test(said) || performance.now() > deadline) {
      throw new AegisError("unavailable", `PostgreSQL did not start: ${reason(said)}`);
    }
    await new Promise((next) => setTimeout(next, 200));
  }
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return true;
  } catch (error) {
    const code = (error as { code?: string }).code;
    if (code === "28P01")
      throw new AegisError("unavailable", "PostgreSQL does not accept the password kept beside its data", { cause: error });
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

function reason(output: string): string {
  if (/no space left/i.test(output)) return "the disk is full";
  const lines = output.trim().split("\n");
  const line = lines.findLast((candidate) => /(FATAL|PANIC|error):/i.test(candidate)) ?? lines.at(-1) ?? "";
  return line.replace(/^.*?(?:FATAL|PANIC|error):\s*/i, "") || "it said nothing";
}
