import type { Command } from "commander";
import { action } from "../context.ts";
import { exit, usage } from "../failure.ts";

/** `aegis policy schema`: what editors complete and check policies by. */
export function schemaCommand(policy: Command): void {
  policy
    .command("schema")
    .description("print the JSON Schema (draft-07) of policy documents, for editors: of all of them, or of one kind")
    .argument("[kind]", "AgentPolicy, Governance, ToolCatalog, PolicyTest, or agent or governance for the bare documents")
    .addHelpText(
      "after",
      '\nSave it, and start a policy file with "# yaml-language-server: $schema=./policy.schema.json", or with a "$schema" key.',
    )
    .action(
      action<object, [string | undefined]>(async (context, _options, kind) => {
        const { policySchema, schemaNames } = await import("@aegis/policy/policy-schema");
        const name = schemaNames.find((each) => each === kind);
        if (kind !== undefined && name === undefined) throw usage(`"${kind}" is no kind of document: ${schemaNames.join(", ")}`);
        const schema = policySchema(name);
        context.output.result(schema, () => JSON.stringify(schema, null, 2));
        return exit.ok;
      }),
    );
}
