import { join } from "node:path";
import type { PolicyFile } from "@aegis/policy/compile";
import type { Command } from "commander";
import { listRevisions, type RevisionView, showRevision } from "../clients/revisions.ts";
import { action } from "../context.ts";
import { exit, Failure } from "../failure.ts";
import { table } from "../output.ts";
import { writePolicyFiles } from "../policy-files.ts";
import { wholeNumberOf } from "./policy-span.ts";

/** `aegis policy history` and `show`: who made which revision, and its files as they were given. */
export function historyCommands(policy: Command): void {
  policy
    .command("history")
    .description("list a tenant's revisions, newest first: who wrote, who approved, and which one is in force (*)")
    .option("--limit <n>", "at most so many", "50")
    .action(
      action<{ limit: string }, []>(async (context, options) => {
        const list = await listRevisions(context, context.tenant(), Math.max(1, wholeNumberOf(options.limit, "revisions")));
        context.output.result(list, () =>
          list.revisions.length === 0
            ? "no revision yet"
            : table(
                ["", "REVISION", "STATE", "CREATED", "AUTHOR", "APPROVER", "ACTIVE SINCE", "MESSAGE"],
                list.revisions.map((one) => [
                  one.revision === list.head ? "*" : "",
                  one.revision,
                  one.state,
                  one.createdAt,
                  one.author,
                  one.approver,
                  one.activatedAt,
                  about(one),
                ]),
              ),
        );
        return exit.ok;
      }),
    );
  policy
    .command("show")
    .description("show a revision and its files, byte for byte as their author gave them; without --revision the one in force")
    .option("--revision <n>", "which one")
    .option("--out <directory>", "write the files there")
    .option("--file <name>", "write just this file to stdout, and nothing else")
    .action(
      action<{ revision?: string; out?: string; file?: string }, []>(async (context, options) => {
        const tenant = context.tenant();
        const asked =
          options.revision === undefined ? (await listRevisions(context, tenant, 1)).head : wholeNumberOf(options.revision, "revision");
        if (asked === null) throw new Failure(`${tenant} has no revision yet: publish one`);
        const { files, ...revision } = await showRevision(context, tenant, asked);
        if (options.file !== undefined) {
          const one = files.find(({ name }) => name === options.file);
          if (one === undefined)
            throw new Failure(`revision ${asked} has no file ${options.file}: it has ${files.map(({ name }) => name).join(", ")}`);
          process.stdout.write(one.text);
          return exit.ok;
        }
        if (options.out !== undefined) await writePolicyFiles(options.out, files);
        context.output.result({ ...revision, files }, () => [described(revision), "", ...shown(files, options.out)].join("\n"));
        return exit.ok;
      }),
    );
}

const about = ({ message, restores, promotes }: RevisionView): string =>
  [
    message,
    ...(restores === undefined ? [] : [`(the files of revision ${restores})`]),
    ...(promotes === undefined ? [] : [`(ends the shadow of ${promotes.join(", ")})`]),
  ].join(" ");

function described(revision: RevisionView): string {
  const { version, digest, state, author, createdAt, approver, approvedAt, publishedAt, activatedAt, follows } = revision;
  return table(
    ["revision", String(revision.revision)],
    [
      ["version", version],
      ["digest", digest],
      ["state", state],
      ["follows", follows],
      ["author", `${author}, ${createdAt}`],
      ["approver", approver === undefined ? undefined : `${approver}, ${approvedAt}`],
      ["handed out", publishedAt],
      ["active since", activatedAt],
      ["message", about(revision)],
    ].filter(([, value]) => value !== undefined && value !== ""),
  );
}

const shown = (files: readonly PolicyFile[], out: string | undefined): string[] =>
  out === undefined
    ? files.flatMap(({ name, text }) => [`--- ${name}`, text.replace(/\n$/, "")])
    : files.map(({ name }) => `written: ${join(out, name)}`);
