import { baseConfig, loadConfig, mutualTlsConfig, mutualTlsOf, natsConfig, peerConfig } from "@aegis/service/config";
import { z } from "zod";

const port = z.coerce.number().int().min(0).max(65535);

/** Configuration of authz: environment variables with the prefix AEGIS_AUTHZ. */
export function readConfig() {
  const config = readVariables();
  const mutualTls = mutualTlsOf(config);
  return { ...config, mutualTls, certificateBound: mutualTls !== undefined || config.forwardedCertificates };
}

const readVariables = () =>
  loadConfig("AEGIS_AUTHZ", {
    ...baseConfig,
    ...natsConfig,
    ...peerConfig,
    ...mutualTlsConfig,
    grpcPort: port,
    /** Holds `spool/` and `cache/`; on a disk that outlives the process. */
    dataDirectory: z.string(),
    /** Where clients reach this service's gRPC, separated by commas: what `htu` of a DPoP proof may begin with. All replicas' are the same. */
    origins: z
      .string()
      .transform((text) => text.split(",").map((url) => url.trim().replace(/\/$/, "")))
      .refine((urls) => urls.every((url) => URL.parse(url)?.origin === url), "not scheme://host[:port], separated by commas")
      .optional(),
    /** Gateways in front say in `x-forwarded-client-cert` which certificate an agent showed them, and nobody else reaches the gRPC port. */
    forwardedCertificates: z.stringbool().default(false),
    /** This service's identifier as a protected resource (RFC 9728): where clients reach its HTTP. */
    resource: z.url().optional(),
    tokenIssuer: z.url(),
    tokenJwksUrl: z.url(),
    /** host:port. */
    approvalsAddress: z.string(),
    budgetAddress: z.string(),
    /** Where people and agents see approvals; part of `status_url`. */
    approvalsUrl: z.url(),
    /** Where the keys of data subjects are kept; without it, what the catalog declares as personal is recorded nowhere. */
    auditUrl: z.url().optional(),
    /** JWKS of the policy compiler. */
    bundleKeysFile: z.string(),
    /** 32 or more bytes, base64url; the same on every replica, so that pseudonyms agree. Made in the data directory when absent. */
    pseudonymKey: z.string().min(43).optional(),
    /** Other processes of authz listen on the gRPC port, too: connections are shared out among them. */
    sharedPort: z.stringbool().default(false),
    /** Calls answered at the same time; what comes beside them is refused at once. */
    maxInFlight: z.coerce.number().int().min(1).default(1_024),
    /** A private Ed25519 JWK that signs what this replica records; its public half is audit's and the verifiers' to know. */
    producerKey: z.string().optional(),
    spoolMaxBytes: z.coerce
      .number()
      .int()
      .min(1_000_000)
      .default(4 * 1024 ** 3),
  });

/** Environment `AEGIS_DRAIN_*`; `instance` is the replica whose spool it is. */
export const readDrainConfig = () =>
  loadConfig("AEGIS_DRAIN", {
    instance: baseConfig.instance,
    logLevel: baseConfig.logLevel,
    ...natsConfig,
    spoolDirectory: z.string(),
    producerKey: z.string().optional(),
    /** It fails when the ledger does not have everything by then; what it sent is not lost, and it can be run again. */
    timeoutSeconds: z.coerce.number().int().min(1).default(600),
  });

/** Without a word on where clients reach it, its own port on this machine. */
export const originsOf = ({ origins, grpcPort }: { origins?: string[] | undefined; grpcPort: number }): string[] =>
  origins ?? ["127.0.0.1", "localhost"].map((host) => `http://${host}:${grpcPort}`);
