import type { Command } from "commander";
import { comparePolicies } from "../clients/revisions.ts";
import { action } from "../context.ts";
import { exit, usage } from "../failure.ts";
import { readPublishedFiles } from "../policy-files.ts";
import { orRefused } from "./policy-faults.ts";
import { wholeNumberOf } from "./policy-span.ts";

const help = `
By agent: + is new, - is gone, ~ is otherwise; (tighter) where calls are refused, asked about or redacted that were not, (looser) for the
reverse. Changes in shadow are said to be that. What is compared is what decides: moved, renamed or reordered text is no change.`;

/** `aegis policy diff`: what changes, in the terms of decisions. */
export function diffCommand(policy: Command): void {
  policy
    .command("diff")
    .description("show what a draft changes against the revision in force, or what changed between two revisions")
    .argument("[files...]", "the tenant's whole set as it would be")
    .option("--from <n>", "compare with this revision (0: with no policies at all)")
    .option("--to <n>", "instead of a draft, this revision; without it the one in force")
    .option("--exit-code", "exit 1 when there is a change")
    .addHelpText("after", help)
    .action(
      action<{ from?: string; to?: string; exitCode?: boolean }, [string[]]>((context, options, paths) =>
        orRefused(context, async () => {
          if (paths.length > 0 && options.to !== undefined) throw usage("name files or --to, not both");
          if (paths.length === 0 && options.from === undefined)
            throw usage("name the files of a draft, or the revisions with --from and --to");
          const compared = await comparePolicies(context, context.tenant(), {
            files: paths.length === 0 ? undefined : await readPublishedFiles(paths),
            from: options.from === undefined ? undefined : wholeNumberOf(options.from, "revision"),
            to: options.to === undefined ? undefined : wholeNumberOf(options.to, "revision"),
          });
          const { text, ...document } = compared;
          context.output.result(document, () => text);
          return options.exitCode === true && compared.changes.length > 0 ? exit.failed : exit.ok;
        }),
      ),
    );
}
