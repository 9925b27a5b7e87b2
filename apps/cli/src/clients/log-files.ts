import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { namePattern } from "@aegis/contracts/name-patterns";
import { parseCheckpoint } from "@aegis/tlog/checkpoint";
import { type LogFault, type LogProgress, type LogSource, verifyLog } from "@aegis/tlog/log-verifier";
import { parseVerifierKey, type VerifierKey } from "@aegis/tlog/note";
import { entryBundle, type TileAddress, tilePath, tilesOf, tileWidth } from "@aegis/tlog/tiles";
import type { Context } from "../context.ts";
import { Failure, usage } from "../failure.ts";
import { readIfPresent } from "../files.ts";
import { Progress } from "../progress.ts";
import type { Control } from "./control.ts";
import { auditClient } from "./ledger.ts";
import { rowsOf } from "./ledger-rows.ts";

/** What `aegis audit verify --offline` prints. */
export interface OfflineVerification {
  ok: boolean;
  entries: number;
  tenants: number;
  checkpoints: number;
  /** Entries that an earlier run had verified, by its state file. */
  resumed: number;
  /** Entries of which retention left the hash alone. */
  retired: number;
  faults: readonly LogFault[];
}

const atOnce = 8;
/** So much work at most is done again after a run that was ended in the middle of a log. */
const keepMs = 1_000;

/**
 * Writes a tenant's log as C2SP tlog-tiles lays it out, with every checkpoint, to `<out>/<tenant>/`; what is there is not fetched again.
 * A bundle that retention took entries from is none any more: what is left of it goes to `remains/`, with nothing in the place of each of
 * those.
 */
export async function exportLog(context: Context, out: string): Promise<{ tenant: string; size: number; files: number }> {
  const tenant = context.tenant();
  const service = await auditClient(context, tenant);
  const note = await (await service.raw(`/tlog/${tenant}/checkpoint`)).text();
  const size = parseCheckpoint(note.slice(0, note.lastIndexOf("\n\n") + 1))?.size;
  if (size === undefined) throw new Failure("the service's checkpoint is malformed");
  const folder = join(out, tenant);
  await mkdir(join(folder, "checkpoints"), { recursive: true });
  const { checkpoints } = await service.json<{ checkpoints: { size: number; note: string }[] }>(`/v1/checkpoints/${tenant}`);
  for (const [at, each] of checkpoints.entries()) await writeFile(join(folder, "checkpoints", `${each.size}-${at}.note`), each.note);
  await writeFile(join(folder, "checkpoint"), note);
  using progress = new Progress("tiles and bundles");
  const waiting = [...tilesOf(size)].reverse();
  let files = 0;
  const work = async () => {
    for (let address = waiting.pop(); address !== undefined; address = waiting.pop()) {
      await fetchTile(service, folder, tenant, address);
      progress.tell(++files);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return { tenant, size, files };
}

async function fetchTile(service: Control, folder: string, tenant: string, address: TileAddress): Promise<void> {
  const path = tilePath(address);
  const file = join(folder, path);
  if ((await readIfPresent(file)) !== undefined) return;
  const bytes = await tileOf(service, `/tlog/${tenant}/${path}`).catch((error: unknown) => {
    if (address.level === "entries" && error instanceof Failure && error.code === "not_found") return undefined;
    throw error;
  });
  if (bytes === undefined) await writeWhole(join(folder, remainsPath(address)), await remainsOf(service, tenant, address));
  else await writeWhole(file, bytes);
}

const tileOf = async (service: Control, path: string) => Buffer.from(await (await service.raw(path)).arrayBuffer());

const remainsPath = (address: Pick<TileAddress, "index" | "width">) =>
  tilePath({ ...address, level: "entries" }).replace(/^tile/, "remains");

/** A bundle's entries as they stand, each that retention removed empty. */
async function remainsOf(service: Control, tenant: string, { index, width }: TileAddress): Promise<Uint8Array> {
  const first = index * tileWidth;
  const leaves: Uint8Array[] = [];
  for await (const { columns, leaf } of rowsOf(service, tenant, first === 0 ? undefined : first - 1)) {
    if (Number(columns.sequence) !== first + leaves.length) break;
    leaves.push(leaf);
    if (leaves.length === width) return entryBundle(leaves);
  }
  throw new Failure(
    `the ledger of ${tenant} lacks entry ${first + leaves.length}, and retention did not remove it: audit verify tells more`,
  );
}

/** A run that was ended in the middle must leave no half of a file under its name. */
async function writeWhole(file: string, bytes: Uint8Array): Promise<void> {
  await mkdir(join(file, ".."), { recursive: true });
  await writeFile(`${file}.part`, bytes);
  await rename(`${file}.part`, file);
}

export interface FilesOptions {
  readonly keys: readonly VerifierKey[];
  readonly stateFile?: string | undefined;
  /** Only this one's log. */
  readonly tenant?: string | undefined;
  /** How long entries must stay. Default 2,555. */
  readonly retentionDays?: number | undefined;
  /** How often the state is written. */
  readonly keepEachMs?: number;
}

/**
 * Verifies logs in a directory that `exportLog` or any C2SP client filled, `<directory>/<tenant>/`, under pinned keys alone: nothing is
 * asked of any service. With `stateFile`, goes on from where an earlier run got, and notes how far this one did while it goes.
 */
export async function verifyFiles(
  directory: string,
  { keys, stateFile, tenant, retentionDays, keepEachMs = keepMs }: FilesOptions,
): Promise<OfflineVerification> {
  const found = (await readdir(directory).catch(() => [])).filter((name) => namePattern.test(name));
  const tenants = tenant === undefined ? found : found.filter((name) => name === tenant);
  if (tenants.length === 0) throw usage(`${directory} holds no log${tenant === undefined ? "" : ` of ${tenant}`}`);
  const states = new Map((await readStates(stateFile)).map((state) => [state.tenant, state]));
  using progress = new Progress("entries");
  const result = { entries: 0, checkpoints: 0, resumed: 0, retired: 0, faults: [] as LogFault[] };
  let before = 0;
  let kept = performance.now();
  const keep = async () => {
    kept = performance.now();
    if (stateFile !== undefined) await writeStates(stateFile, [...states.values()]);
  };
  for (const name of tenants) {
    const from = states.get(name);
    const source = await sourceIn(join(directory, name), name);
    const report = await verifyLog(source, {
      keys,
      from,
      retentionDays,
      async onProgress(reached) {
        states.set(name, reached);
        progress.tell(before + reached.size);
        if (performance.now() - kept >= keepEachMs) await keep();
      },
    });
    before += report.entries;
    result.entries += report.entries;
    result.checkpoints += report.checkpoints;
    result.resumed += report.retired > 0 ? 0 : Math.min(from?.size ?? 0, report.entries);
    result.retired += report.retired;
    result.faults.push(...report.faults);
    await keep();
  }
  return { ok: result.faults.length === 0, tenants: tenants.length, ...result };
}

async function sourceIn(folder: string, tenant: string): Promise<LogSource> {
  const own = (await readdir(join(folder, "checkpoints")).catch(() => [])).filter((name) => name.endsWith(".note"));
  const notes = await Promise.all([...own.map((name) => join(folder, "checkpoints", name)), join(folder, "checkpoint")].map(readIfPresent));
  const kept = [...new Set(notes.filter((note) => note !== undefined))];
  if (kept.length === 0) throw usage(`${folder} holds no checkpoint`);
  return {
    tenant,
    notes: kept,
    read: (kind, index, width) =>
      readFile(
        join(
          folder,
          kind === "remains" ? remainsPath({ index, width }) : tilePath({ level: kind === "entries" ? "entries" : 0, index, width }),
        ),
      ).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return undefined;
        throw error;
      }),
  };
}

async function readStates(file: string | undefined): Promise<LogProgress[]> {
  const text = file === undefined ? undefined : await readIfPresent(file);
  if (text === undefined) return [];
  try {
    return (JSON.parse(text) as { logs: LogProgress[] }).logs;
  } catch {
    throw usage(`${file} is not a state that audit verify wrote: name another, or remove it`);
  }
}

async function writeStates(file: string, logs: readonly LogProgress[]): Promise<void> {
  await writeFile(`${file}.part`, `${JSON.stringify({ logs })}\n`);
  await rename(`${file}.part`, file);
}

/** The pinned keys in a file, one vkey a line. */
export async function keysIn(file: string): Promise<VerifierKey[]> {
  const text = await readIfPresent(file);
  if (text === undefined) throw usage(`there is no ${file}`);
  const lines = text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#"));
  if (lines.length === 0) throw usage(`${file} holds no key`);
  try {
    return lines.map((line) => parseVerifierKey(line.trim()));
  } catch (error) {
    throw usage(`a key in ${file} is not usable: ${(error as Error).message}`);
  }
}
