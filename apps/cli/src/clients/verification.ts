import { readdir } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { namePattern } from "@aegis/contracts/name-patterns";
import { cosignatureFaults, parseWitnessKey, type StoredCosignature } from "@aegis/tlog/cosignature";
import { parseVerifierKey, type VerifierKey } from "@aegis/tlog/note";
import type { StoredState } from "@aegis/tlog/stored-state";
import { type LedgerCheckpoint, type LedgerFault, type LedgerInput, verifyLedger } from "@aegis/tlog/verify-ledger";
import type { Context } from "../context.ts";
import { dataDirectory } from "../fabric/data-directory.ts";
import { Failure, usage } from "../failure.ts";
import { readIfPresent } from "../files.ts";
import { Progress } from "../progress.ts";
import { archivedCheckpoints, copiesOf } from "./checkpoint-copies.ts";
import type { Control } from "./control.ts";
import { auditClient, findEntries } from "./ledger.ts";
import { allRows } from "./ledger-rows.ts";
import { pinnedKey } from "./pinned-key.ts";

/** What `aegis audit verify` prints. */
export interface Verification {
  ok: boolean;
  entries: number;
  tenants: number;
  checkpoints: number;
  /** Entries that no confirmed checkpoint covers yet. */
  uncovered: number;
  /** Entries that retention removed, as it may. */
  retired: number;
  /** Entries of producers that no statement of theirs covers; absent when one tenant alone was verified, or no producer's key is pinned. */
  unsigned?: number;
  faults: readonly LedgerFault[];
}

export interface VerifyOptions {
  /** Absent: every tenant. */
  tenant?: string | undefined;
  /** First waits until what is in the ledger is checkpointed. */
  wait?: boolean | undefined;
  /** Decisions that must have arrived first, when waiting. */
  decisions?: readonly string[];
  /** The pinned key (C2SP vkey), when it is not the one in the data directory. */
  key?: string | undefined;
  /** A file of producers' keys (vkey, one a line), when it is not the one in the data directory. */
  producerKeys?: string | undefined;
  /** Checkpoints that the caller kept. */
  kept?: readonly string[];
  /** Witnesses' keys (C2SP vkeys): what is kept as their signatures is checked. */
  witnesses?: readonly string[];
  /** How long entries must stay, in days; default 2,555. */
  retentionDays?: number | undefined;
}

/**
 * Recomputes the ledger on this side from the rows the audit service hands out, under the pinned key, against the
 * checkpoints of the service and those in the data directory, and compares what the database holds beside the rows. The service is
 * trusted for nothing.
 */
export async function verifyFabricLedger(context: Context, options: VerifyOptions): Promise<Verification> {
  const service = await auditClient(context, options.tenant);
  const directory = dataDirectory(context.dataDirectory);
  const key = await pinnedKey(context, options.key);
  const late = options.wait ? await waitForCheckpoints(service, options) : undefined;
  const named = options.tenant === undefined ? await everyTenant(service, directory.checkpoints) : [options.tenant];
  // No request can be made about a name that is none; that something is kept under it is a fault by itself.
  const [tenants, strange] = [named.filter((name) => namePattern.test(name)), named.filter((name) => !namePattern.test(name))];
  // An archive that was removed whole is an empty one, except where nothing shows that it is kept here.
  const archive = options.key === undefined || (await readdir(directory.checkpoints).catch(() => [])).length > 0;
  // Before the rows: then every event of a settled statement has had its time to become one.
  const statements = options.tenant === undefined ? await producersStatements(context, service, options.producerKeys) : undefined;
  const states: StoredState[] = [];
  const checkpoints: LedgerCheckpoint[] = [];
  const cosignatures: StoredCosignature[] = [];
  for (const tenant of tenants) {
    const found = await checkpointsOf(service, tenant);
    checkpoints.push(...found.checkpoints, ...(await archivedCheckpoints(directory.checkpoints, tenant)));
    cosignatures.push(...found.cosignatures);
  }
  const witnesses = (options.witnesses ?? []).map(witnessKey);
  for (const note of options.kept ?? []) checkpoints.push({ tenant: tenantIn(note, key), note });
  using progress = new Progress("entries");
  const report = await verifyLedger({
    rows: counted(
      progress,
      allRows(service, tenants, async (state) => {
        states.push(archive ? { ...state, archived: await copiesOf(directory.checkpoints, state) } : state);
      }),
    ),
    states,
    checkpoints,
    keys: [key],
    ...(statements && { statements }),
    whole: options.tenant === undefined,
    ...(options.retentionDays !== undefined && { retentionDays: options.retentionDays }),
  });
  const { entries, tenants: count, checkpoints: confirmed, uncovered, retired, unsigned } = report;
  const faults = [...strange.map(misnamed), ...report.faults, ...cosignatureFaults(cosignatures, checkpoints, witnesses)];
  // What was tampered with may be why it does not catch up.
  if (late !== undefined && faults.length === 0) throw late;
  return {
    ...{ ok: faults.length === 0, entries, tenants: count, checkpoints: confirmed, uncovered, retired },
    ...(unsigned !== undefined && { unsigned }),
    faults,
  };
}

/** The tenant whose log a checkpoint is of, by its origin. */
function tenantIn(note: string, { name }: VerifierKey): string {
  const [origin = ""] = note.split("\n");
  if (!origin.startsWith(`${name}/`)) throw usage(`a checkpoint of ${origin} is none of ${name}'s`);
  return origin.slice(name.length + 1);
}

async function* counted<T>(progress: Progress, rows: AsyncIterable<T>): AsyncGenerator<T> {
  let done = 0;
  for await (const row of rows) {
    progress.tell(++done);
    yield row;
  }
}

function witnessKey(vkey: string): VerifierKey {
  try {
    return parseWitnessKey(vkey);
  } catch (error) {
    throw usage(`a witness' key is not usable: ${(error as Error).message}`);
  }
}

const misnamed = (tenant: string): LedgerFault => ({
  tenant,
  sequence: 0,
  kind: "column",
  column: "tenant",
  detail: "a row, a head, a node or a checkpoint is kept under a name that no tenant can have",
});

/** What producers signed, with the keys pinned for them; undefined when none is pinned. */
async function producersStatements(context: Context, service: Control, file: string | undefined): Promise<LedgerInput["statements"]> {
  const { producerKeys } = dataDirectory(context.dataDirectory);
  const text = await readIfPresent(file ?? producerKeys);
  if (text === undefined && file !== undefined) throw usage(`there are no producers' keys at ${file}`);
  if (text === undefined) return undefined;
  const keys = text.split("\n").flatMap((line) => (line.trim() === "" ? [] : [parseVerifierKey(line.trim())]));
  const response = await service.raw("/v1/statements", { timeoutMs: 600_000 });
  const messages = (await response.text()).split("\n").filter((line) => line !== "");
  return { keys, messages: messages.map((line) => JSON.parse(line) as { message: string; recordedAt: string }) };
}

interface TenantHead {
  tenant: string;
  entries: number;
  checkpoint: number;
}

const tenantHeads = async (service: Control): Promise<TenantHead[]> =>
  (await service.json<{ tenants: TenantHead[] }>("/v1/tenants")).tenants;

/** A tenant whose rows were all deleted still has its checkpoints. */
async function everyTenant(service: Control, archive: string): Promise<string[]> {
  const archived = await readdir(archive).catch(() => []);
  return [...new Set([...(await tenantHeads(service)).map(({ tenant }) => tenant), ...archived])].sort();
}

async function checkpointsOf(
  service: Control,
  tenant: string,
): Promise<{ checkpoints: LedgerCheckpoint[]; cosignatures: StoredCosignature[] }> {
  const { checkpoints, cosignatures } = await service.json<{ checkpoints: { note: string }[]; cosignatures: StoredCosignature[] }>(
    `/v1/checkpoints/${encodeURIComponent(tenant)}`,
  );
  return { checkpoints: checkpoints.map(({ note }) => ({ tenant, note })), cosignatures };
}

/** The failure to tell of when the ledger has not caught up in time. */
async function waitForCheckpoints(
  service: Control,
  { tenant, decisions = [] }: VerifyOptions,
  timeoutMs = 30_000,
): Promise<Failure | undefined> {
  const until = Date.now() + timeoutMs;
  const missing = new Set(tenant === undefined ? [] : decisions);
  let last = "";
  for (;;) {
    for (const id of missing) {
      for await (const _entry of findEntries(service, tenant as string, { id }, 1)) missing.delete(id);
      if (missing.has(id)) break;
    }
    const heads = (await tenantHeads(service)).filter((head) => tenant === undefined || head.tenant === tenant);
    const now = JSON.stringify(heads);
    // Twice the same: nothing is under way any more.
    if (missing.size === 0 && heads.every((head) => head.checkpoint >= head.entries) && now === last) return undefined;
    last = now;
    if (Date.now() > until) {
      return new Failure(
        `after ${timeoutMs / 1000} s the ledger has not caught up${missing.size > 0 ? ` (${missing.size} decisions are missing)` : ""}: ./aegis status shows the fabric`,
      );
    }
    await delay(250);
  }
}
