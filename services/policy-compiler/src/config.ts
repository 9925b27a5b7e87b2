import { baseConfig, loadConfig, natsConfig, operatorConfig, postgresConfig } from "@aegis/service/config";
import { z } from "zod";

/** Environment `AEGIS_POLICY_COMPILER_*`. */
export const readConfig = () =>
  loadConfig("AEGIS_POLICY_COMPILER", {
    ...baseConfig,
    ...natsConfig,
    ...postgresConfig,
    ...operatorConfig,
    /** A private ES256 JWK with its `kid`: it signs bundles and heads. */
    signingKeyFile: z.string(),
    /** A JWK set with the public keys of earlier days: bundles and heads that they signed are signed again. */
    bundleKeysFile: z.string().optional(),
    /** How long a head is good for, in seconds; it is renewed when half of that is over. */
    headLifetime: z.coerce.number().int().min(10).max(86_400).default(3_600),
    /** How often heads are compared with the database, in milliseconds. */
    reconcileInterval: z.coerce.number().int().min(100).max(60_000).default(5_000),
    /** Where audit and token are: recorded decisions and registered agents are read there, in the name of the operator who asks. */
    auditUrl: z.url().optional(),
  });
