import { baseConfig, loadConfig, natsConfig, operatorConfig, peerConfig, postgresConfig } from "@aegis/service/config";
import { parseVerifierKey } from "@aegis/tlog/note";
import { z } from "zod";

/** Environment `AEGIS_AUDIT_*`. */
export const readConfig = () =>
  loadConfig("AEGIS_AUDIT", {
    ...baseConfig,
    ...natsConfig,
    ...postgresConfig,
    ...peerConfig,
    ...operatorConfig,
    signerUrl: z.url(),
    /** 32 bytes in base64url: the keys of data subjects are sealed under it. Without it none are kept, and nothing personal is recorded. */
    subjectSealingKey: z
      .string()
      .regex(/^[A-Za-z0-9_-]{43}=?$/, "not 32 bytes in base64url")
      .transform((text) => Buffer.from(text, "base64url"))
      .optional(),
    /** What is done only once a second person has agreed, by commas: erase. */
    secondPerson: z
      .string()
      .default("")
      .transform((text) => text.split(",").flatMap((part) => part.trim() || []))
      .pipe(z.array(z.enum(["erase"]))),
    /** The ledger's pinned vkey (C2SP signed-note): the signer's notes are checked under it, and its name is the origins' prefix. */
    checkpointKey: z.string(),
    checkpointDirectory: z.string(),
    /** Verifier keys (vkey) of the producers, one a line; their names are the producers'. */
    producerKeys: z
      .string()
      .default("")
      .transform((text) =>
        text
          .split("\n")
          .filter((line) => line.trim() !== "")
          .map((line) => parseVerifierKey(line.trim())),
      ),
    /** Witnesses (C2SP tlog-witness), apart by commas: each its vkey, a space and its submission prefix. */
    witnesses: z
      .string()
      .default("")
      .transform((text) => text.split(",").filter((each) => each.trim() !== "")),
    witnessIntervalMs: z.coerce.number().int().min(10).max(3_600_000).default(10_000),
    /** At most so many messages in one transaction. */
    batch: z.coerce.number().int().min(1).max(1000).default(1000),
    /** At most so many milliseconds between a tenant's new entries and their checkpoint. */
    checkpointIntervalMs: z.coerce.number().int().min(10).max(10_000).default(1_000),
    /** And at most so many entries. */
    checkpointEntries: z.coerce.number().int().min(1).max(1_000).default(1_000),
    /** How long entries stay, in days: 2,555 are seven years. */
    retentionDays: z.coerce.number().int().min(1).max(36_500).default(2_555),
    /** Holds the secrets of sinks, as `<tenant>/<name>`. */
    sinkSecretsDirectory: z.string().optional(),
    /** Where sinks of kind `file` write, as `<tenant>/<sink>/`; a mounted bucket, for example. */
    sinkDirectory: z.string().optional(),
    /** Whether sinks may reach internal addresses, and by http: in development. */
    sinksAllowInternal: z.stringbool().default(false),
    /** The internal hosts that sinks may reach all the same, separated by commas: a SIEM of one's own. */
    sinkInternalHosts: z
      .string()
      .default("")
      .transform((text) => new Set(text.toLowerCase().split(",").filter(Boolean))),
  });

/** Environment `AEGIS_SIGNER_*`. */
export const readSignerConfig = () =>
  loadConfig("AEGIS_SIGNER", {
    ...baseConfig,
    peersFile: peerConfig.peersFile,
    /** A private Ed25519 JWK. */
    keyFile: z.string(),
    stateDirectory: z.string(),
  });
