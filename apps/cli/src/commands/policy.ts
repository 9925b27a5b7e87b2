import { writeFile } from "node:fs/promises";
import type { Fault } from "@aegis/policy/fault";
import type { Command } from "commander";
import { type Published, publishPolicies } from "../clients/policies.ts";
import { action } from "../context.ts";
import { exit, usage } from "../failure.ts";
import { readPublishedFiles } from "../policy-files.ts";
import { decideCommands, revisionText } from "./policy-decide.ts";
import { diffCommand } from "./policy-diff.ts";
import { driftCommand } from "./policy-drift.ts";
import { orRefused } from "./policy-faults.ts";
import { historyCommands } from "./policy-history.ts";
import { learnCommand } from "./policy-learn.ts";
import { promoteCommand } from "./policy-promote.ts";
import { replayCommand } from "./policy-replay.ts";
import { schemaCommand } from "./policy-schema.ts";
import { simulateCommand } from "./policy-simulate.ts";
import { statusCommand } from "./policy-status.ts";
import { testCommand } from "./policy-test.ts";
import { validateCommand } from "./policy-validate.ts";
import { summaries } from "./summaries.ts";

interface PublishOptions {
  wait?: boolean;
  barrier?: boolean;
  message?: string;
  ifRevision?: string;
  as?: string;
  timeout: string;
}

/** `aegis policy`: from documents to what authz enforces. */
export function policyCommands(program: Command): void {
  const policy = program.command("policy").description(summaries.policy);
  schemaCommand(policy);
  simulateCommand(policy);
  replayCommand(policy);
  learnCommand(policy);
  driftCommand(policy);
  statusCommand(policy);
  validateCommand(policy);
  testCommand(policy);
  diffCommand(policy);
  historyCommands(policy);
  decideCommands(policy);
  promoteCommand(policy);
  policy
    .command("compile")
    .description("lower documents offline to the representation that both engines read (bundle member aegis/data.json)")
    .argument("<files...>", "the tenant's whole set")
    .option("--out <file>", "write it there instead of to stdout")
    .action(
      action<{ out?: string }, [string[]]>(async (context, options, paths) => {
        const { compile, formatFault } = await engine();
        const result = compile(await readPublishedFiles(paths), { tenant: context.tenant() });
        if (!result.ok) return refused(result.faults, formatFault);
        if (options.out) await writeFile(options.out, `${JSON.stringify(result.policies, null, 2)}\n`);
        const text = options.out ? `written to ${options.out}` : JSON.stringify(result.policies, null, 2);
        context.output.result(options.out ? { ok: true, file: options.out } : result.policies, () => text);
        return exit.ok;

        function refused(faults: readonly Fault[], format: (fault: Fault) => string): number {
          context.output.result({ ok: false, faults }, () => faults.map(format).join("\n"));
          return exit.policyInvalid;
        }
      }),
    );
  policy
    .command("publish")
    .description("publish a tenant's whole set as its next revision")
    .argument("<files...>", "every document of the tenant, or directories of them")
    .option("--wait", "return once every live replica of authz enforces it")
    .option("--barrier", "replicas verify and prepare it first and switch together, after 2 s at the latest; says how far apart they were")
    .option("--timeout <seconds>", "how long to wait", "30")
    .option("--message <text>", "why")
    .option("--if-revision <n>", "refuse unless this revision is still the newest; 0: unless there is none")
    .option("--as <user>", "who publishes (that user's own token from the dev issuer)")
    .action(
      action<PublishOptions, [string[]]>((context, options, paths) =>
        orRefused(context, async () => {
          const published = await publishPolicies(context, {
            tenant: context.tenant(),
            files: await readPublishedFiles(paths),
            message: options.message,
            ifRevision: options.ifRevision === undefined ? undefined : wholeNumber(options.ifRevision),
            user: options.as,
            wait: options.wait === true,
            barrier: options.barrier === true,
            timeoutMs: wholeNumber(options.timeout) * 1_000,
          });
          context.output.result(published, () => publishedText(published, options.wait === true));
          return exit.ok;
        }),
      ),
    );
}

function publishedText(published: Published, waited: boolean): string {
  const { barrier } = published;
  const lines = [revisionText(published, waited, "published")];
  if (barrier !== undefined) {
    const { prepared, live, milliseconds, late, skew } = barrier;
    lines.push(
      `barrier: ${prepared}/${live} replicas prepared in ${milliseconds} ms${late.length === 0 ? "" : `; not waited for: ${late.join(", ")}`}`,
      skew === undefined
        ? "skew: not known, not every replica said when it switched"
        : `skew: ${skew} ms between the first switch and the last`,
    );
  }
  return lines.join("\n");
}

/** Loaded only where it is needed: most commands start without the compiler. */
async function engine() {
  const [{ compile }, { formatFault }] = await Promise.all([import("@aegis/policy/compile"), import("@aegis/policy/fault")]);
  return { compile, formatFault };
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw usage(`"${text}" is not a whole number`);
  return value;
}
