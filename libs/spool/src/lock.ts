import { lstat, lutimes, readFile, readlink, rename, stat, symlink, unlink } from "node:fs/promises";
import { hostname } from "node:os";
import { AegisError } from "@aegis/contracts/errors";

const touchMs = 5_000;
const staleMs = 30_000;

/**
 * Holds a spool's directory for this process: a link beside it, whose target names the holder. A link needs no room on the disk, so a full
 * one can be opened again. A holder on this host that is gone is succeeded at once; of another host's, half a minute after it last stirred.
 *
 * @throws AegisError `conflict` while another process holds it.
 */
export async function lockDirectory(directory: string): Promise<AsyncDisposable> {
  const path = `${directory}.lock`;
  const own = `${hostname()}:${process.pid}:${(await startOf(process.pid)) ?? ""}`;
  for (let tries = 0; ; tries++) {
    if (await take(path, own)) break;
    const holder = await readlink(path).catch(() => undefined);
    if (holder === undefined) continue;
    if ((await isHeld(path, holder)) || tries > 5) throw new AegisError("conflict", `${directory} is held by ${holder}`);
    // Whoever moves it away first succeeds; what another put there meanwhile is not this holder's and goes back.
    const aside = `${path}.${process.pid}`;
    await rename(path, aside).catch(() => undefined);
    const moved = await readlink(aside).catch(() => undefined);
    if (moved !== undefined && moved !== holder) await rename(aside, path).catch(() => undefined);
    else await unlink(aside).catch(() => undefined);
  }
  const timer = setInterval(() => void lutimes(path, new Date(), new Date()).catch(() => undefined), touchMs);
  timer.unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      if ((await readlink(path).catch(() => undefined)) === own) await unlink(path).catch(() => undefined);
    },
  };
}

async function take(path: string, own: string): Promise<boolean> {
  try {
    await symlink(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function isHeld(path: string, holder: string): Promise<boolean> {
  const [host, pid, started] = holder.split(":");
  if (host === hostname()) return started !== "" && (await startOf(Number(pid))) === started;
  return Date.now() - ((await touchedAt(path)) ?? 0) < staleMs;
}

const touchedAt = (path: string): Promise<number | undefined> =>
  lstat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );

/** When a process started, in a form that tells it from a later one of the same number; undefined when there is none. */
async function startOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // proc_pid_stat(5): the name may hold spaces and parentheses, so fields are counted after the last ")".
  const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ");
  if (fields !== undefined) return fields[0] === "Z" ? undefined : fields[19];
  // No /proc on this system: the number has to do.
  const hasProc = await stat("/proc/self/stat").then(
    () => true,
    () => false,
  );
  return hasProc ? undefined : aliveWithoutProc(pid);
}

function aliveWithoutProc(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
    return "running";
  } catch {
    return undefined;
  }
}
