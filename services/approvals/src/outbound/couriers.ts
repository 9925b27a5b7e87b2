import type { ChannelPorts } from "#usecases/channel-ports.ts";
import { poster } from "./post.ts";
import type { Secrets } from "./secrets.ts";
import { slackCourier } from "./slack.ts";
import { webhookCourier } from "./webhook.ts";

interface CourierOptions {
  readonly secrets: Secrets;
  readonly slackApiUrl: string | undefined;
  readonly allowInternal: boolean;
}

/** Who carries messages to which kind of target. */
export function couriers(options: CourierOptions): ChannelPorts["couriers"] {
  const { secrets, slackApiUrl: apiUrl } = options;
  return { webhook: webhookCourier(secrets, poster(options)), slack: slackCourier({ secrets, apiUrl }) };
}
