import type { Command } from "commander";
import { agreeToErase, type Erasure, erase, listErasures } from "../clients/erasures.ts";
import { action } from "../context.ts";
import { usage } from "../failure.ts";
import { table } from "../output.ts";

interface Given {
  subject?: string;
  pseudonym?: string;
  reason: string;
  as?: string;
}

/** `aegis audit erase` and `aegis audit erasures`: what is somebody's own is unreadable from then on. */
export function erasureCommands(audit: Command): void {
  audit
    .command("erase")
    .description(
      "destroy the keys of a data subject: what the ledger holds of theirs is unreadable from then on, and every proof still holds",
    )
    .option("--subject <id>", "who, as calls name them")
    .option("--pseudonym <text>", "who, as the ledger knows them: to erase again after a backup was restored")
    .requiredOption("--reason <text>", "why; it is kept in the ledger, so it must not spell who it is")
    .option("--as <user>", "who asks; default: you")
    .action(
      action<Given, []>(async (context, { subject, pseudonym, reason, as: user }) => {
        if ((subject === undefined) === (pseudonym === undefined)) throw usage("say who: --subject, or --pseudonym");
        const done = await erase(context, { subject, pseudonym, reason }, user);
        context.output.result(done, () => told(done));
      }),
    );
  const erasures = audit.command("erasures").description("erasures of data subjects");
  erasures
    .command("list")
    .description("list what was erased, and what waits for a second person")
    .action(
      action<object, []>(async (context) => {
        const list = await listErasures(context);
        const rows = list.map((one) => [one.id, one.subject, one.state, one.by, one.approver ?? "", one.doneAt ?? one.askedAt, one.reason]);
        context.output.result(list, () =>
          rows.length === 0 ? "nobody was erased" : table(["id", "pseudonym", "state", "by", "with", "when", "reason"], rows),
        );
      }),
    );
  erasures
    .command("approve")
    .description("agree to an erasure that somebody else asked for, and have it done")
    .argument("<id>")
    .option("--as <user>", "who agrees; default: you")
    .action(
      action<{ as?: string }, [string]>(async (context, options, id) => {
        const done = await agreeToErase(context, id, options.as);
        context.output.result(done, () => told(done));
      }),
    );
}

const told = ({ id, subject, state, keys, expiresAt }: Erasure): string =>
  state === "proposed"
    ? `waits for a second person until ${expiresAt}: aegis audit erasures approve ${id} --as USER`
    : `erased ${subject}: ${keys === 1 ? "its key is" : `its ${keys} keys are`} destroyed`;
