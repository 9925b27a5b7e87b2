import type { Command } from "commander";
import { auditClient, type EntryFilter, findEntries } from "../clients/ledger.ts";
import { checkProof, writeReceipt } from "../clients/proofs.ts";
import { action } from "../context.ts";
import { usage } from "../failure.ts";
import { activityCommands } from "./audit-activity.ts";
import { describeEntries, filtering, filterOf } from "./audit-entries.ts";
import { erasureCommands } from "./audit-erase.ts";
import { retentionCommands } from "./audit-retention.ts";
import { show } from "./audit-show.ts";
import { streamCommands } from "./audit-streams.ts";
import { verifyCommand } from "./audit-verify.ts";
import { summaries } from "./summaries.ts";

interface Filter extends EntryFilter {
  limit?: string;
}

/** `aegis audit`: the ledger. */
export function auditCommands(program: Command): void {
  const audit = program.command("audit").description(summaries.audit);
  filtering(audit.command("query").description("find entries, newest first"))
    .option("--limit <n>", "at most so many (default: 50, with --json all)")
    .option("--personal", "give what is sealed because it is somebody's own, with --json; the ledger notes who was shown it")
    .action(
      action<Omit<Filter, "personal"> & { personal?: boolean }, []>(async (context, options) => {
        const service = await auditClient(context, context.tenant());
        const { personal, ...rest } = options;
        const filter = { ...filterOf(rest), personal: personal ? ("shown" as const) : undefined };
        const atMost = options.limit === undefined ? (context.json ? undefined : 50) : count(options.limit);
        const entries = await Array.fromAsync(findEntries(service, context.tenant(), filter, atMost));
        context.output.result(entries, () => (entries.length === 0 ? "no entries" : describeEntries(entries)));
      }),
    );
  audit
    .command("show")
    .description("show one entry, what belongs to it, and whether its proof holds under the pinned key")
    .argument("<id>", "a decision's or event's id")
    .option("--key <vkey>", "the pinned checkpoint key, when it is not the one in the data directory")
    .option("--personal", "show what is sealed because it is somebody's own; the ledger notes who was shown it")
    .action(action<{ key?: string; personal?: boolean }, [string]>((context, options, id) => show(context, id, options)));
  activityCommands(audit);
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
  verifyCommand(audit);
  erasureCommands(audit);
  retentionCommands(audit);
  streamCommands(audit);
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw usage(`"${text}" is not a number of entries`);
  return value;
}
