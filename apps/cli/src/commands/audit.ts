import { type Command, Option } from "commander";
import { query } from "../clients/control.ts";
import { auditClient, type EntryFilter, findEntries, type LedgerEntry, verifyFabricLedger } from "../clients/ledger.ts";
import { checkProof, checkReceipt, writeReceipt } from "../clients/proofs.ts";
import { action } from "../context.ts";
import { exit, usage } from "../failure.ts";
import { table } from "../output.ts";
import { rowOf } from "./audit-rows.ts";
import { streamCommands } from "./audit-streams.ts";

interface Filter extends EntryFilter {
  limit?: string;
}

/** `aegis audit`: the ledger. */
export function auditCommands(program: Command): void {
  const audit = program.command("audit").description("the ledger of every decision: search it, verify it, take it out");
  filtering(audit.command("query").description("find entries, newest first"))
    .option("--limit <n>", "at most so many (default: 50, with --json all)")
    .action(
      action<Filter, []>(async (context, options) => {
        const service = await auditClient(context, context.tenant());
        const atMost = options.limit === undefined ? (context.json ? undefined : 50) : count(options.limit);
        const entries = await Array.fromAsync(findEntries(service, context.tenant(), filterOf(options), atMost));
        context.output.result(entries, () => (entries.length === 0 ? "no entries" : describe(entries)));
      }),
    );
  audit
    .command("show")
    .description("show one entry with its inclusion proof")
    .argument("<id>", "a decision's or event's id")
    .action(
      action<object, [string]>(async (context, _options, id) => {
        const service = await auditClient(context, context.tenant());
        const shown = await service.json(`/v1/decisions/${encodeURIComponent(id)}${query({ tenant: context.tenant() })}`);
        context.output.result(shown, () => JSON.stringify(shown, null, 2));
      }),
    );
  audit
    .command("receipt")
    .description("write an entry's receipt: what proves, to anyone who has the ledger's public key, that it is in the ledger")
    .argument("<id>", "a decision's or event's id")
    .option("--out <file>", "where to (default: stdout)")
    .action(action<{ out?: string }, [string]>((context, options, id) => writeReceipt(context, id, options.out)));
  audit
    .command("prove-check")
    .description("check a Merkle proof from a JSON file, by RFC 9162; exit 5 when it proves nothing")
    .argument("<file>", "{leafIdx, treeSize, leafHash, root, proof} or {size1, size2, root1, root2, proof}, hashes in base64")
    .action(action<object, [string]>(async (context, _options, file) => checkProof(context, file)));
  audit
    .command("verify")
    .description("recompute the ledger on this side, under the pinned key; exit 5 when anything was changed, dropped or reordered")
    .option("--wait", "first wait until everything ledgered is checkpointed")
    .option("--key <vkey>", "the pinned checkpoint key, when it is not the one in the data directory")
    .option("--producer-keys <file>", "producers' keys (vkey, one a line), when they are not those in the data directory")
    .option("--receipt <file>", "check one entry's receipt instead; nothing but the file and the key is read")
    .action(
      action<{ wait?: boolean; key?: string; producerKeys?: string; receipt?: string }, []>(async (context, options) => {
        if (options.receipt !== undefined) return checkReceipt(context, options.receipt, options.key);
        const result = await verifyFabricLedger(context, { tenant: context.optionalTenant, ...options });
        context.output.result(result, () =>
          [
            result.ok ? context.output.style("green", "ok") : context.output.style("red", "NOT ok"),
            `${result.entries} entries of ${result.tenants} tenants under ${result.checkpoints} checkpoints${result.uncovered > 0 ? `; ${result.uncovered} too new for one` : ""}`,
            ...(result.unsigned ? [`${result.unsigned} entries without their producer's signature`] : []),
            ...result.faults.slice(0, 50).map((fault) => `${fault.tenant} ${fault.sequence} ${fault.kind}: ${fault.detail}`),
          ].join("\n"),
        );
        return result.ok ? exit.ok : exit.verification;
      }),
    );
  streamCommands(audit);
}

function filtering(command: Command): Command {
  return command
    .addOption(
      new Option("--kind <kind>", "what it records").choices(["decision", "outcome", "control", "quarantine", "all"]).default("decision"),
    )
    .option("--agent <name>", "only this agent's")
    .option("--tool <name>", "only this tool's")
    .option("--decision <name>", "only allow, deny, sanitize or approval_needed")
    .option("--id <id>", "only this decision or event");
}

const filterOf = ({ kind, agent, tool, decision, id }: Filter): EntryFilter => ({ kind, agent, tool, decision, id });

function count(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw usage(`"${text}" is not a number of entries`);
  return value;
}

const describe = (entries: readonly LedgerEntry[]): string =>
  table(["time", "seq", "kind", "agent", "call", "decision", "reasons"], entries.map(rowOf));
