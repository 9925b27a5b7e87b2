import { maxDelegationDepth, maxTokenSeconds } from "@aegis/identity/claims";
import { keyAlgorithms } from "@aegis/identity/keys";
import {
  baseConfig,
  loadConfig,
  mutualTlsConfig,
  mutualTlsOf,
  natsConfig,
  operatorConfig,
  peerConfig,
  postgresConfig,
} from "@aegis/service/config";
import { z } from "zod";
import { guardedActions } from "./domain/proposal.ts";
import { announceSeconds, leastAnnounceSeconds } from "./domain/signing-key.ts";

/** Environment `AEGIS_TOKEN_*`. */
export function readConfig() {
  const config = readVariables();
  const mutualTls = mutualTlsOf(config);
  return { ...config, mutualTls, mtlsUrl: mutualTls && (config.mtlsUrl ?? `https://${config.host}:${mutualTls.port}`) };
}

const readVariables = () =>
  loadConfig("AEGIS_TOKEN", {
    ...baseConfig,
    ...natsConfig,
    ...postgresConfig,
    ...peerConfig,
    ...operatorConfig,
    ...mutualTlsConfig,
    /** Where clients reach the port with mutual TLS; without a word on it, this host and that port. */
    mtlsUrl: z
      .url({ protocol: /^https$/ })
      .transform((url) => url.replace(/\/$/, ""))
      .optional(),
    /** This server's URL as clients know it: `iss` of every token. */
    issuer: z.url().transform((url) => url.replace(/\/$/, "")),
    /** 32 bytes in base64url: seals the signing keys kept in Postgres. */
    sealingKey: z
      .string()
      .regex(/^[A-Za-z0-9_-]{43}=?$/, "not 32 bytes in base64url")
      .transform((text) => Buffer.from(text, "base64url")),
    /** Takes orders to revoke while PostgreSQL is away; without it there are none to be had then. */
    journalFile: z.string().min(1).optional(),
    /** Hosts inside this network ("host" or "host:port", by commas) that trusted issuers' key sets may be fetched from, also by plain http. */
    internalHosts: z
      .string()
      .default("")
      .transform((text) =>
        text
          .split(",")
          .map((host) => host.trim())
          .filter((host) => host !== ""),
      ),
    /** host:port of the budget service, which says whether a prompt may have further agents; without it nobody is asked. */
    budgetAddress: z.string().min(1).optional(),
    /** How long a signing key signs before the next one is announced. */
    keyDays: z.coerce.number().min(1).max(365).default(30),
    /** What new signing keys sign with. */
    keyAlgorithm: z.enum(keyAlgorithms).default("EdDSA"),
    /** How long a new signing key is published before it signs. */
    keyAnnounceSeconds: z.coerce.number().int().min(leastAnnounceSeconds).max(86_400).default(announceSeconds),
    /** Actions that are done only once a second person has agreed, by commas: revoke-tenant, rotate-key, widen-scope. */
    secondPerson: z
      .string()
      .default("")
      .transform((text) => text.split(",").flatMap((part) => part.trim() || []))
      .pipe(z.array(z.enum(guardedActions))),
    /** The deepest delegation and the longest life of a token; what a tenant's governance allows can only be less. */
    maxDepth: z.coerce.number().int().min(0).max(maxDelegationDepth).default(maxDelegationDepth),
    tokenSeconds: z.coerce.number().int().min(1).max(maxTokenSeconds).default(maxTokenSeconds),
  });
