import { baseConfig, loadConfig, natsConfig, operatorConfig, peerConfig, postgresConfig } from "@aegis/service/config";
import { z } from "zod";

/** Environment `AEGIS_BUDGET_*`. */
export const readConfig = () =>
  loadConfig("AEGIS_BUDGET", {
    ...baseConfig,
    ...natsConfig,
    ...postgresConfig,
    ...peerConfig,
    ...operatorConfig,
    grpcPort: z.coerce.number().int().min(0).max(65535),
    /** JWKS of the keys that may sign policy bundles. */
    bundleKeysFile: z.string(),
  });
