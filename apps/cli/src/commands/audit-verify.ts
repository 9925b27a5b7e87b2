import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { keysIn, verifyFiles } from "../clients/log-files.ts";
import { pinnedKey } from "../clients/pinned-key.ts";
import { checkReceipt } from "../clients/proofs.ts";
import { verifyFabricLedger } from "../clients/verification.ts";
import { action, type Context } from "../context.ts";
import { exit, usage } from "../failure.ts";

interface VerifyOptions {
  wait?: boolean;
  key?: string;
  keys?: string;
  producerKeys?: string;
  receipt?: string;
  offline?: string;
  state?: string;
  checkpoint?: string[];
  witness?: string[];
  retentionDays?: string;
}

/** `aegis audit verify`. */
export function verifyCommand(audit: Command): void {
  audit
    .command("verify")
    .description("recompute the ledger on this side, under the pinned key; exit 5 when anything was changed, dropped or reordered")
    .option("--wait", "first wait until everything ledgered is checkpointed")
    .option("--key <vkey>", "the pinned checkpoint key, when it is not the one in the data directory")
    .option("--keys <file>", "the same, in a file, one a line")
    .option("--producer-keys <file>", "producers' keys (vkey, one a line), when they are not those in the data directory")
    .option("--receipt <file>", "check one entry's receipt instead; nothing but the file and the key is read")
    .option("--offline <directory>", "verify what audit export --format tlog wrote; nothing but it and the key is read")
    .option("--state <file>", "with --offline: go on from where the last run with this file got")
    .option("--checkpoint <file...>", "checkpoints that you kept: what contradicts them is found, whoever signed it")
    .option("--retention-days <n>", "how long entries must stay: what is gone sooner is a fault (default: 2555)")
    .option("--witness <vkey...>", "witnesses' keys: what is kept as their signatures is checked")
    .action(action<VerifyOptions, []>(verify));
}

async function verify(context: Context, options: VerifyOptions): Promise<number> {
  if (options.receipt !== undefined) return checkReceipt(context, options.receipt, options.key);
  if (options.offline !== undefined) return offline(context, options.offline, options);
  if (options.state !== undefined) throw usage("--state is of use with --offline alone");
  const kept = await Promise.all((options.checkpoint ?? []).map(readNote));
  const { wait, key, producerKeys, witness: witnesses, retentionDays: days } = options;
  const retentionDays = days === undefined ? undefined : wholeDays(days);
  const told = { tenant: context.optionalTenant, wait, key, producerKeys, kept, retentionDays };
  const result = await verifyFabricLedger(context, { ...told, ...(witnesses && { witnesses }) });
  const unsigned = result.unsigned ? `; ${result.unsigned} without their producer's signature` : "";
  const uncovered = `${result.uncovered > 0 ? `; ${result.uncovered} too new for one` : ""}${unsigned}`;
  return tell(context, result, `${uncovered}${removed(result)}`);
}

const removed = ({ retired }: { readonly retired: number }): string =>
  retired > 0 ? `; ${retired} removed by retention, their hashes verified` : "";

function wholeDays(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw usage("--retention-days takes a whole number of days");
  return Number(text);
}

async function offline(
  context: Context,
  directory: string,
  { keys: file, key, state, retentionDays: days }: VerifyOptions,
): Promise<number> {
  const keys = file === undefined ? [await pinnedKey(context, key)] : await keysIn(file);
  const retentionDays = days === undefined ? undefined : wholeDays(days);
  const result = await verifyFiles(directory, { keys, stateFile: state, tenant: context.optionalTenant, retentionDays });
  return tell(context, result, `${result.resumed > 0 ? `; ${result.resumed} were verified before` : ""}${removed(result)}`);
}

interface Result {
  readonly ok: boolean;
  readonly entries: number;
  readonly tenants: number;
  readonly checkpoints: number;
  readonly faults: readonly { readonly tenant: string; readonly sequence: number; readonly kind: string; readonly detail: string }[];
}

function tell({ output }: Context, result: Result, more: string): number {
  output.result(result, () =>
    [
      result.ok ? output.style("green", "ok") : output.style("red", "NOT ok"),
      `${result.entries} entries of ${result.tenants} tenants under ${result.checkpoints} checkpoints${more}`,
      ...result.faults.slice(0, 50).map((fault) => `${fault.tenant} ${fault.sequence} ${fault.kind}: ${fault.detail}`),
    ].join("\n"),
  );
  return result.ok ? exit.ok : exit.verification;
}

async function readNote(file: string): Promise<string> {
  return readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw usage(`${file} cannot be read (${error.code ?? error.message})`);
  });
}
