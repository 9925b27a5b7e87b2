import { mkdir, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { Failure } from "../failure.ts";

/** What a fabric needs before it starts: room for Postgres, NATS and the spools. */
const neededBytes = 300 * 1024 * 1024;

/** Makes the data directory and fails with one sentence when it cannot be used or its disk is nearly full. */
export async function prepareDataDirectory(root: string): Promise<void> {
  await makeDirectory(root);
  const { bavail, bsize } = await statfs(root);
  const free = bavail * bsize;
  if (free < neededBytes) {
    throw new Failure(
      `the disk of ${root} has ${Math.floor(free / 1024 / 1024)} MB free and Aegis needs ${neededBytes / 1024 / 1024} MB: free some space or name another directory with --data-dir`,
    );
  }
}

/**
 * Makes the directory and those above it. Not `mkdir` with `recursive`: that never returns where the file system
 * says ENOENT for a directory whose parent exists, as /proc does.
 */
async function makeDirectory(path: string): Promise<void> {
  try {
    if ((await stat(path)).isDirectory()) return;
    throw new Failure(`${path} is a file, not a directory: name a directory with --data-dir`);
  } catch (caught) {
    if ((caught as NodeJS.ErrnoException).code !== "ENOENT") throw caught;
  }
  await makeDirectory(dirname(path));
  try {
    await mkdir(path);
  } catch (caught) {
    const { code } = caught as NodeJS.ErrnoException;
    if (code === "EEXIST") return;
    if (code !== "ENOENT") throw caught;
    throw new Failure(`no directory can be made at ${path}: name another with --data-dir`, { cause: caught });
  }
}
