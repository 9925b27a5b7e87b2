import { orgKey } from "@aegis/contracts/operator";
import type { Command } from "commander";
import { operatorRole, operatorToken } from "../clients/operator.ts";
import { action } from "../context.ts";
import { usage } from "../failure.ts";
import { summaries } from "./summaries.ts";

/** `aegis operator`: people's tokens from the dev issuer. */
export function operatorCommands(program: Command): void {
  const operator = program.command("operator").description(summaries.operator);
  operator
    .command("token")
    .description("sign an operator's token; for every tenant when no --tenant is given")
    .requiredOption("--user <name>", "the person, e.g. alice@acme.test")
    .requiredOption(
      "--role <role>",
      "admin, policy-author, policy-approver, approver, auditor, finops, soc, org-auditor or enforcement-point",
    )
    .option("--org <name>", "an organisation whose tenants an org-auditor reads")
    .option("--ttl <seconds>", "how long it is valid", "3600")
    .action(
      action<{ user: string; role: string; org?: string; ttl: string }, []>(async (context, options) => {
        if (options.org !== undefined && options.role !== "org-auditor") throw usage("--org goes with the role org-auditor alone");
        const token = await operatorToken({
          dataDirectory: context.dataDirectory,
          issuer: (await context.endpoints()).issuer,
          user: options.user,
          role: operatorRole(options.role),
          tenant: options.org === undefined ? (context.optionalTenant ?? "*") : orgKey(options.org),
          lifetimeSeconds: Number(options.ttl),
        });
        context.output.result(token, () => token.access_token);
      }),
    );
}
