import type { Logger } from "@aegis/service/logger";
import type { TenantSecrets } from "@aegis/service/tenant-secrets";
import { LogLevel, SocketModeClient } from "@slack/socket-mode";
import type { Channel } from "#domain/channel.ts";
import { slackClientOptions } from "./slack.ts";

/** Opens a channel's connection to Slack; `heard` gets each interaction. */
export type SlackSocket = (channel: Channel, heard: (payload: unknown) => Promise<void>) => Promise<AsyncDisposable>;

/** Socket Mode: Slack is called, and calls nobody. The library reconnects by itself. */
export function slackSocket(options: { secrets: TenantSecrets; apiUrl: string | undefined; logger: Logger }): SlackSocket {
  return async (channel, heard) => {
    if (channel.target.kind !== "slack" || channel.target.appToken === undefined) throw new Error("the channel has no app token");
    const appToken = await options.secrets(channel.tenant, channel.target.appToken);
    const client = new SocketModeClient({ appToken, logLevel: LogLevel.ERROR, clientOptions: slackClientOptions(options.apiUrl) });
    client.on("interactive", async ({ body, ack }: { body: unknown; ack: () => Promise<void> }) => {
      try {
        await ack();
        await heard(body);
      } catch (error) {
        options.logger.warn({ err: error, channel: channel.name, tenant: channel.tenant }, "a click could not be taken");
      }
    });
    await client.start();
    return { [Symbol.asyncDispose]: () => client.disconnect() };
  };
}
