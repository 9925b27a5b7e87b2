import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { StoredState } from "@aegis/tlog/stored-state";
import type { LedgerCheckpoint } from "@aegis/tlog/verify-ledger";

/** The checkpoints that the archive has of a tenant. */
export async function archivedCheckpoints(archive: string, tenant: string): Promise<LedgerCheckpoint[]> {
  const folder = join(archive, tenant);
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(".note"));
  return Promise.all(names.map(async (name) => ({ tenant, note: await readFile(join(folder, name), "utf8") })));
}

/** Notes in the archive, once those of a state that was just read have arrived there: a row is a moment older than its copy. */
export async function copiesOf(archive: string, { tenant, checkpoints }: StoredState, timeoutMs = 3_000): Promise<string[]> {
  for (const until = Date.now() + timeoutMs; ; await delay(250)) {
    const notes = new Set((await archivedCheckpoints(archive, tenant)).map(({ note }) => note));
    if (checkpoints.every(({ note }) => notes.has(note)) || Date.now() > until) return [...notes];
  }
}
