import { type Command, Option } from "commander";
import { action } from "../context.ts";
import { exit } from "../failure.ts";
import { readPolicyFiles, tenantNamedIn } from "../policy-files.ts";

interface ValidateOptions {
  format: "text" | "github" | "sarif";
}

/** `aegis policy validate`: what is wrong with documents, without a fabric. */
export function validateCommand(policy: Command): void {
  policy
    .command("validate")
    .description("check documents offline; every fault at once, with its position and what to write instead")
    .argument("<files...>", "YAML or JSON documents, directories of them, or - for standard input")
    .addOption(new Option("--format <format>", "how to write what was found").choices(["text", "github", "sarif"]).default("text"))
    .addHelpText(
      "after",
      `
A fault refuses the set (status 3). A warning refuses nothing: it says what a careful author may mean, and mostly does not.
Every code is explained in docs/reference/faults.md.`,
    )
    .action(
      action<ValidateOptions, [string[]]>(async (context, { format }, paths) => {
        const [{ compile }, formats] = await Promise.all([import("@aegis/policy/compile"), import("../fault-formats.ts")]);
        const files = await readPolicyFiles(paths, { broken: true });
        const result = compile(files, { tenant: context.optionalTenant ?? tenantNamedIn(files) ?? "default" });
        const { ok, warnings } = result;
        const found = { files: files.map(({ name }) => name), faults: result.ok ? [] : result.faults, warnings };
        if (format === "sarif") {
          const log = formats.sarif(found);
          context.output.result(log, () => JSON.stringify(log, null, 2));
        } else {
          context.output.result({ ok, faults: found.faults, warnings }, () =>
            format === "github" ? formats.forGitHub(found) : formats.forPeople(found, context.output),
          );
        }
        return ok ? exit.ok : exit.policyInvalid;
      }),
    );
}
