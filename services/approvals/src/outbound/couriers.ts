import { poster } from "@aegis/http/outward";
import type { TenantSecrets } from "@aegis/service/tenant-secrets";
import type { ChannelPorts } from "#usecases/channel-ports.ts";
import { emailCourier } from "./email.ts";
import { slackCourier } from "./slack.ts";
import { teamsCourier } from "./teams.ts";
import { webhookCourier } from "./webhook.ts";

interface CourierOptions {
  readonly secrets: TenantSecrets;
  readonly slackApiUrl: string | undefined;
  readonly consoleUrl: string | undefined;
  readonly allowInternal: boolean;
}

/** Who carries messages to which kind of target. */
export function couriers(options: CourierOptions): ChannelPorts["couriers"] {
  const { secrets, slackApiUrl: apiUrl } = options;
  const post = poster(options);
  return {
    webhook: webhookCourier(secrets, post),
    slack: slackCourier({ secrets, apiUrl }),
    teams: teamsCourier(secrets, post, options.consoleUrl),
    email: emailCourier({ secrets, consoleUrl: options.consoleUrl, allowPlain: options.allowInternal }),
  };
}
