import { tenantStream } from "@aegis/contracts/subjects";
import { tenantAccounts } from "@aegis/infra/nats-accounts";
import { generatePassword } from "@aegis/infra/nats-server";
import { sinksClient } from "../clients/sinks.ts";
import type { Context } from "../context.ts";
import { dataDirectory } from "../fabric/data-directory.ts";
import { ensureTenantLogin } from "../fabric/nats-logins.ts";
import { runningRecord } from "../fabric/record.ts";
import { readIfPresent } from "../files.ts";

export interface StreamOptions {
  show?: boolean;
  serverConfig?: boolean;
}

/** Makes the tenant its login and its durable consumer, and tells how they are used. */
export async function streamCredentials(context: Context, options: StreamOptions): Promise<void> {
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
