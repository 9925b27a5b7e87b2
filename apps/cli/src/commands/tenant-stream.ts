import type { Command } from "commander";
import { action } from "../context.ts";
import type { StreamOptions } from "./stream-credentials.ts";

/** `aegis tenant stream-credentials`: a login on NATS that reads one tenant's events and nothing else. */
export function tenantStreamCommand(tenant: Command): void {
  tenant
    .command("stream-credentials")
    .description("give a tenant its own login on NATS, which reads its events and OCSF records and nothing of any other tenant")
    .option("--show", "print the password, too")
    .option("--server-config", "print what to add to the configuration of a NATS server that is not this fabric's own")
    .action(
      action<StreamOptions, []>(async (context, options) => {
        // Loaded only here: the kill switches beside it need nothing of NATS.
        const { streamCredentials } = await import("./stream-credentials.ts");
        await streamCredentials(context, options);
      }),
    );
}
