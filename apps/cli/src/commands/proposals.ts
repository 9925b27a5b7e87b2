import type { Command } from "commander";
import { approveProposal, changeCeiling, isProposed, openProposals, type Proposal } from "../clients/proposals.ts";
import { action } from "../context.ts";
import { table } from "../output.ts";
import { items } from "./items.ts";
import { summaries } from "./summaries.ts";

/** `aegis agent ceiling`. */
export function ceilingCommand(agent: Command): void {
  agent
    .command("ceiling")
    .description("give an agent another ceiling; narrower is in force at once, wider may wait for a second person")
    .argument("<agent>")
    .requiredOption("--scope <items...>", "the widest scope it can have from now on")
    .option("--may-act <agents...>", "agents on whose tokens it may act from now on")
    .action(
      action<{ scope: string[]; mayAct?: string[] }, [string]>(async (context, options, name) => {
        const ceiling = { scope: items(options.scope), mayAct: items(options.mayAct ?? []) };
        const changed = await changeCeiling(context, context.tenant(), name, ceiling);
        context.output.result(changed, () =>
          isProposed(changed)
            ? waiting(changed.proposed)
            : `${changed.agent} may have ${changed.scope.join(" ")}; ${changed.revokedTokens} tokens held more and are revoked`,
        );
      }),
    );
}

/** `aegis proposals`: what waits for a second person. */
export function proposalCommands(program: Command): void {
  const proposals = program.command("proposals").description(summaries.proposals);
  proposals
    .command("list")
    .description("show what waits; with --keys, what concerns the signing keys of all tenants")
    .option("--keys", "rotations of the signing key")
    .action(
      action<{ keys?: boolean }, []>(async (context, options) => {
        const open = await openProposals(context, options.keys === true ? "*" : context.tenant());
        const rows = open.map((one) => [one.id, one.action, what(one), one.by, one.expiresAt]);
        context.output.result(open, () => (rows.length === 0 ? "nothing waits" : table(["id", "action", "what", "by", "until"], rows)));
      }),
    );
  proposals
    .command("approve")
    .description("agree to what somebody else asked for, and have it done")
    .argument("<id>")
    .option("--as <user>", "who agrees; default: you")
    .option("--keys", "a rotation of the signing key")
    .action(
      action<{ as?: string; keys?: boolean }, [string]>(async (context, options, id) => {
        const done = await approveProposal(context, options.keys === true ? "*" : context.tenant(), id, options.as);
        context.output.result(
          done,
          () => `${done.proposal.action} ${what(done.proposal)}: done, by ${done.proposal.by} with ${done.proposal.approver}`,
        );
      }),
    );
}

/** What to tell whoever asked. */
export const waiting = (proposal: Proposal): string =>
  `${proposal.action} ${what(proposal)} waits for a second person until ${proposal.expiresAt}: aegis proposals approve ${proposal.id} --as USER`;

const what = ({ tenant, change }: Proposal): string =>
  change.agent === undefined ? tenant : `${change.agent}: ${change.ceiling?.scope.join(" ")}`;
