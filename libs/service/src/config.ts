import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { createSecureContext } from "node:tls";
import { AegisError } from "@aegis/contracts/errors";
import { z } from "zod";

/** What every service is told. */
export const baseConfig = {
  instance: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/)
    .default(hostname().toLowerCase()),
  host: z.string().default("127.0.0.1"),
  httpPort: z.coerce.number().int().min(0).max(65535),
  logLevel: z.enum(["trace", "debug", "info", "warn", "error", "silent"]).default("info"),
};

/** How to reach NATS, and how many copies of each stream it keeps (3 on a cluster). The password may come from a file. */
export const natsConfig = {
  natsUrl: z.string().default("nats://127.0.0.1:4222"),
  natsUser: z.string().optional(),
  natsPassword: z.string().optional(),
  natsReplicas: z.coerce.number().int().min(1).max(5).default(1),
};

/** How to reach PostgreSQL: as the runtime role, and as the role that migrates. */
export const postgresConfig = {
  postgresUrl: z.string().startsWith("postgres"),
  migrationUrl: z.string().startsWith("postgres"),
};

/** This instance's own key, and the public keys of its peers. */
export const peerConfig = {
  serviceKeyFile: z.string(),
  peersFile: z.string(),
};

/**
 * Where it listens over mutual TLS, too: its own certificates and key, and the authorities whose client certificates it takes, as PEM. All four
 * or none.
 */
export const mutualTlsConfig = {
  mtlsPort: z.coerce.number().int().min(0).max(65535).optional(),
  mtlsCertificate: z.string().optional(),
  mtlsKey: z.string().optional(),
  mtlsClientAuthorities: z.string().optional(),
};

export interface MutualTls {
  readonly port: number;
  readonly certificate: string;
  readonly key: string;
  readonly clientAuthorities: string;
}

/** @throws AegisError `invalid_argument` where some of it is there and some is not, or it is no certificate with its key. */
export function mutualTlsOf(config: z.output<z.ZodObject<typeof mutualTlsConfig>>): MutualTls | undefined {
  const { mtlsPort: port, mtlsCertificate: certificate, mtlsKey: key, mtlsClientAuthorities: clientAuthorities } = config;
  const given = [port, certificate, key, clientAuthorities].filter((value) => value !== undefined).length;
  if (given === 0) return undefined;
  if (port === undefined || certificate === undefined || key === undefined || clientAuthorities === undefined)
    throw new AegisError("invalid_argument", "mutual TLS needs all of MTLS_PORT, MTLS_CERTIFICATE, MTLS_KEY and MTLS_CLIENT_AUTHORITIES");
  tryOut("MTLS_CERTIFICATE", () => new X509Certificate(certificate));
  tryOut("MTLS_KEY, or it is not the certificate's", () => createSecureContext({ cert: certificate, key }));
  tryOut("MTLS_CLIENT_AUTHORITIES", () => new X509Certificate(clientAuthorities));
  return { port, certificate, key, clientAuthorities };
}

function tryOut(what: string, use: () => unknown): void {
  try {
    use();
  } catch (cause) {
    throw new AegisError("invalid_argument", `mutual TLS: no PEM that is usable in ${what}`, { cause });
  }
}

/** Who vouches for operators. */
export const operatorConfig = {
  oidcIssuer: z.url(),
  /** The token service, which keeps the events of org-auditors' reads; without it they read nothing. */
  tokenUrl: z.url().optional(),
};

/**
 * Reads a service's configuration from the environment: field `httpPort` of prefix `AEGIS_TOKEN` is `AEGIS_TOKEN_HTTP_PORT`.
 * Any value may come from a file instead: `AEGIS_TOKEN_POSTGRES_URL_FILE` names one (so secrets stay out of the environment).
 *
 * @throws AegisError `invalid_argument` naming every fault at once.
 */
export function loadConfig<Shape extends z.ZodRawShape>(
  prefix: string,
  shape: Shape,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): z.output<z.ZodObject<Shape>> {
  const raw: Record<string, string> = {};
  for (const field of Object.keys(shape)) {
    const value = readVariable(variableName(prefix, field), environment);
    if (value !== undefined && value !== "") raw[field] = value;
  }
  const parsed = z.object(shape).safeParse(raw);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `${variableName(prefix, String(issue.path[0]))}: ${issue.message}`);
  throw new AegisError("invalid_argument", `configuration is not usable:\n  ${faults.join("\n  ")}`);
}

const variableName = (prefix: string, field: string) => `${prefix}_${field.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;

function readVariable(name: string, environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const file = environment[`${name}_FILE`];
  if (environment[name] !== undefined || file === undefined) return environment[name];
  try {
    return readFileSync(file, "utf8").trim();
  } catch (cause) {
    throw new AegisError("invalid_argument", `${name}_FILE: cannot read ${file}`, { cause });
  }
}
