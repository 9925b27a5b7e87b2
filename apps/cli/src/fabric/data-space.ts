import { mkdir, statfs } from "node:fs/promises";
import { Failure } from "../failure.ts";

/** What a fabric needs before it starts: room for Postgres, NATS and the spools. */
const neededBytes = 300 * 1024 * 1024;

/** Makes the data directory and fails with one sentence when it cannot be used or its disk is nearly full. */
export async function prepareDataDirectory(root: string): Promise<void> {
  await mkdir(root, { recursive: true });
  const { bavail, bsize } = await statfs(root);
  const free = bavail * bsize;
  if (free < neededBytes) {
    throw new Failure(
      `the disk of ${root} has ${Math.floor(free / 1024 / 1024)} MB free and Aegis needs ${neededBytes / 1024 / 1024} MB: free some space or name another directory with --data-dir`,
    );
  }
}
