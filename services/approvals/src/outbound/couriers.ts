import type { ChannelPorts } from "#usecases/channel-ports.ts";
import { poster } from "./post.ts";
import { secretFiles } from "./secrets.ts";
import { webhookCourier } from "./webhook.ts";

interface CourierOptions {
  readonly secretsDirectory: string | undefined;
  readonly allowInternal: boolean;
}

/** Who carries messages to which kind of target. */
export function couriers(options: CourierOptions): ChannelPorts["couriers"] {
  const secrets = secretFiles(options.secretsDirectory);
  const post = poster(options);
  return { webhook: webhookCourier(secrets, post) };
}
