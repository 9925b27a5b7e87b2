import type { Command } from "commander";
import { assignOrg, tenantsOf } from "../clients/orgs.ts";
import { action } from "../context.ts";
import { summaries } from "./summaries.ts";

/** `aegis org`: organisations and their tenants. */
export function orgCommands(program: Command): void {
  const org = program.command("org").description(summaries.org);
  org
    .command("assign")
    .description("make a tenant one of an organisation's: its org-auditors may read there from now on, each read being an event")
    .argument("<tenant>")
    .argument("<org>")
    .action(
      action<object, [string, string]>(async (context, _options, tenant, name) => {
        const assigned = await assignOrg(context, tenant, name);
        context.output.result(assigned, () => `${tenant} belongs to ${name}`);
      }),
    );
  org
    .command("release")
    .description("let a tenant belong to no organisation any more")
    .argument("<tenant>")
    .action(
      action<object, [string]>(async (context, _options, tenant) => {
        const released = await assignOrg(context, tenant, null);
        context.output.result(released, () => `${tenant} belongs to no organisation`);
      }),
    );
  org
    .command("tenants")
    .description("list the tenants of an organisation")
    .argument("<org>")
    .action(
      action<object, [string]>(async (context, _options, name) => {
        const tenants = await tenantsOf(context, name);
        context.output.result(tenants, () => (tenants.length === 0 ? "no tenants" : tenants.join("\n")));
      }),
    );
}
