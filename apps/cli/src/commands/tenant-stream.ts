import { tenantStream } from "@aegis/contracts/subjects";
import { tenantAccounts } from "@aegis/infra/nats-accounts";
import { generatePassword } from "@aegis/infra/nats-server";
import type { Command } from "commander";
import { sinksClient } from "../clients/sinks.ts";
import { action, type Context } from "../context.ts";
import { dataDirectory } from "../fabric/data-directory.ts";
import { ensureTenantLogin } from "../fabric/nats-logins.ts";
import { runningRecord } from "../fabric/record.ts";
import { readIfPresent } from "../files.ts";

/** `aegis tenant stream-credentials`: a login on NATS that reads one tenant's events and nothing else. */
export function tenantStreamCommand(tenant: Command): void {
  tenant
    .command("stream-credentials")
    .description("give a tenant its own login on NATS, which reads its events and OCSF records and nothing of any other tenant")
    .option("--show", "print the password, too")
    .option("--server-config", "print what to add to the configuration of a NATS server that is not this fabric's own")
    .action(action<{ show?: boolean; serverConfig?: boolean }, []>((context, options) => credentials(context, options)));
}

async function credentials(context: Context, options: { show?: boolean; serverConfig?: boolean }): Promise<void> {
  const tenant = context.tenant();
  const { user, stream, durable, apiPrefix, subjects } = await (await sinksClient(context)).openStream();
  if (options.serverConfig) {
    const accounts = tenantAccounts({ ...tenantStream(tenant), password: generatePassword() });
    return context.output.result(accounts, () => JSON.stringify(accounts, null, 2));
  }
  const { nats } = await context.endpoints();
  const directory = dataDirectory(context.dataDirectory);
  const own = (await runningRecord(directory))?.parts.some(({ name }) => name === "nats") ?? false;
  if (!own) return context.output.result({ user, stream, durable, apiPrefix, subjects }, () => elsewhere);
  const passwordFile = await ensureTenantLogin(directory, tenant, nats);
  const password = options.show ? { password: (await readIfPresent(passwordFile))?.trim() } : {};
  const view = { url: nats, user, passwordFile, ...password, subjects, stream, durable, apiPrefix };
  context.output.result(view, () =>
    [
      `url        ${nats}`,
      `user       ${user}`,
      `password   ${password.password ?? `in ${passwordFile}`}`,
      `live       ${subjects.join("\n           ")}`,
      `durable    ${durable} of the stream ${stream}, with the API prefix ${apiPrefix}`,
      `e.g.       nats -s ${nats} --user ${user} --password "$(cat ${passwordFile})" --js-api-prefix ${apiPrefix} consumer next ${stream} ${durable}`,
    ].join("\n"),
  );
}

const elsewhere =
  "NATS is not run by this fabric: --server-config prints what to add to its configuration; the durable consumer has been made";
