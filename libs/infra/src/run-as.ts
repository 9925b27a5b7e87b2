import { chmod, readFile, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";

/** A user without rights that a program runs as. */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
}

/** PostgreSQL refuses to run as root: the user `postgres`, else `nobody`. Undefined when we are not root. */
export async function unprivileged(): Promise<RunAs | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const users = await readFile("/etc/passwd", "utf8").catch(() => "");
  for (const name of ["postgres", "nobody"]) {
    const match = new RegExp(`^${name}:[^:]*:(\\d+):(\\d+):`, "m").exec(users);
    if (match !== null) return { uid: Number(match[1]), gid: Number(match[2]) };
  }
  return { uid: 65_534, gid: 65_534 };
}

/** Whether that user may enter the directory: every directory on the way is open to it. Parts that do not exist yet are open. */
export async function isReachable(directory: string, user: RunAs | undefined): Promise<boolean> {
  if (user === undefined) return true;
  for (let path = resolve(directory); ; path = dirname(path)) {
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined) {
      const bit = found.uid === user.uid ? 0o100 : found.gid === user.gid ? 0o010 : 0o001;
      if ((found.mode & bit) === 0) return false;
    }
    if (path === dirname(path)) return true;
  }
}

/** Lets everybody pass through (not read) a directory that is ours; one that belongs to someone else is left alone. */
export async function openPassage(directory: string): Promise<void> {
  const found = await stat(directory).catch(() => undefined);
  if (found === undefined || found.uid !== process.getuid?.() || (found.mode & 0o001) !== 0) return;
  await chmod(directory, (found.mode & 0o7777) | 0o001);
}
