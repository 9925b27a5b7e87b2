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
  });
