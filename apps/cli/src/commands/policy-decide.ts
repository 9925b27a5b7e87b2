import type { Command } from "commander";
import { type Published, writeRevision } from "../clients/policies.ts";
import { comparePolicies, showRevision } from "../clients/revisions.ts";
import { action } from "../context.ts";
import { exit, usage } from "../failure.ts";
import { orRefused } from "./policy-faults.ts";
import { wholeNumberOf } from "./policy-span.ts";

interface WriteOptions {
  as?: string;
  wait?: boolean;
  timeout: string;
  message?: string;
  ifRevision?: string;
}

/** `aegis policy approve` and `rollback`: what puts a revision into force that was written before. */
export function decideCommands(policy: Command): void {
  waiting(policy.command("approve"))
    .description("put a proposed revision into force, as a person other than its author; shows first what changes by it")
    .argument("<revision>")
    .option("--as <user>", "who approves (that user's own token from the dev issuer)")
    .action(
      action<WriteOptions, [string]>((context, options, text) =>
        orRefused(context, async () => {
          const tenant = context.tenant();
          const revision = wholeNumberOf(text, "revision");
          const { digest, follows } = await showRevision(context, tenant, revision);
          const { text: changes } = await comparePolicies(context, tenant, { from: follows, to: revision });
          context.output.progress(changes);
          const request = { tenant, path: `revisions/${revision}:approve`, body: { digest }, role: "policy-approver" as const };
          const approved = await writeRevision(context, { ...request, ...waitOf(options), user: options.as });
          context.output.result(approved, () => revisionText(approved, options.wait === true, "approved"));
          return exit.ok;
        }),
      ),
    );
  waiting(policy.command("rollback"))
    .description("publish the files of an earlier revision again, under a new number")
    .requiredOption("--to <n>", "the revision whose files they are")
    .option("--message <text>", "why")
    .option("--if-revision <n>", "refuse unless this revision is still the newest in force")
    .option("--as <user>", "who rolls back (that user's own token from the dev issuer)")
    .action(
      action<WriteOptions & { to: string }, []>((context, options) =>
        orRefused(context, async () => {
          const to = wholeNumberOf(options.to, "revision");
          if (to === 0) throw usage("revisions begin at 1: aegis policy history lists them");
          const made = await writeRevision(context, {
            tenant: context.tenant(),
            path: `revisions/${to}:rollback`,
            body: { message: options.message ?? "" },
            ifRevision: options.ifRevision === undefined ? undefined : wholeNumberOf(options.ifRevision, "revision"),
            user: options.as,
            ...waitOf(options),
          });
          context.output.result(made, () => revisionText(made, options.wait === true, `with the files of revision ${to} published`));
          return exit.ok;
        }),
      ),
    );
}

/** Adds the options that say whether to wait for the replicas. */
export const waiting = (command: Command): Command =>
  command.option("--wait", "return once every live replica of authz enforces it").option("--timeout <seconds>", "how long to wait", "30");

export const waitOf = ({ wait, timeout }: { wait?: boolean; timeout: string }) => ({
  wait: wait === true,
  timeoutMs: wholeNumberOf(timeout, "seconds") * 1_000,
});

/** What became of a revision, in one line. */
export function revisionText({ tenant, revision, state, enforcedOn, replicas, ms }: Published, waited: boolean, what: string): string {
  if (state === "proposed") {
    return `revision ${revision} is proposed: it takes effect when another person with the role policy-approver runs aegis policy approve ${revision} --tenant ${tenant}`;
  }
  return waited ? `revision ${revision}, enforced on ${enforcedOn}/${replicas} replicas in ${ms} ms` : `revision ${revision} ${what}`;
}
