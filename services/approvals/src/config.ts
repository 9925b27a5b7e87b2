import { baseConfig, loadConfig, natsConfig, operatorConfig, peerConfig, postgresConfig } from "@aegis/service/config";
import { z } from "zod";

/** Environment `AEGIS_APPROVALS_*`. */
export const readConfig = () =>
  loadConfig("AEGIS_APPROVALS", {
    ...baseConfig,
    ...natsConfig,
    ...postgresConfig,
    ...peerConfig,
    ...operatorConfig,
    grpcPort: z.coerce.number().int().min(0).max(65535),
    /** Who issues agents' tokens, and where its public keys are. */
    tokenIssuer: z.url(),
    tokenJwksUrl: z.url(),
    /** Holds the channels' secrets, as `<tenant>/<name>`. */
    channelSecretsDirectory: z.string().optional(),
    /** Whether channels may reach internal addresses, and by http: in development. */
    channelsAllowInternal: z.stringbool().default(false),
    /** Where Slack's API is, when not at Slack. */
    slackApiUrl: z.url().optional(),
    /** Where people look at approvals; messages link to `<this>/approvals/<id>`. */
    consoleUrl: z.url({ protocol: /^https$/ }).optional(),
    /** A message that could not be sent is tried again after so many milliseconds, doubled each time up to the cap. */
    channelBackoffMs: z.coerce.number().int().min(1).default(2_000),
    channelBackoffCapMs: z.coerce.number().int().min(1).default(300_000),
  });
