import type { ServiceName } from "@aegis/contracts/subjects";
import type { DataDirectory } from "./data-directory.ts";
import type { FabricKeys, Instance } from "./keys.ts";
import type { PortName, Ports } from "./ports.ts";

/** Connection strings of one service's two roles. */
interface DatabaseLogin {
  runtime: string;
  migration: string;
}

/** Everything the processes of one fabric are told. */
export interface Surroundings {
  directory: DataDirectory;
  keys: FabricKeys;
  ports: Ports;
  natsUrl: string;
  /** User and password file for NATS, absent when the server was given from outside. */
  natsLogin?: (service: string) => { user: string; passwordFile: string };
  /** Files, because connection strings hold passwords. */
  databaseFiles: (service: ServiceName) => DatabaseLogin;
  issuerUrl: string;
  /** All processes of authz answer gRPC on one port. */
  authzSharesPort: boolean;
  checkpointVkey: string;
  logLevel: string;
}

const prefixOf = (service: string): string => `AEGIS_${service.replaceAll("-", "_").toUpperCase()}`;

const httpUrl = (ports: Ports, name: PortName): string => `http://127.0.0.1:${ports[name]}`;

/** The environment of one service's process. */
export function serviceEnvironment(around: Surroundings, { service, instance }: Instance): Record<string, string> {
  const { ports, keys, directory } = around;
  const portName = (service === "authz" ? instance : service) as PortName;
  const grpcPort = ports[`${portName}-grpc` as PortName];
  const login = around.natsLogin?.(service);
  const values: Record<string, string | undefined> = {
    INSTANCE: instance,
    HOST: "127.0.0.1",
    HTTP_PORT: String(ports[portName]),
    GRPC_PORT: grpcPort === undefined ? undefined : String(grpcPort),
    NATS_URL: around.natsUrl,
    NATS_USER: login?.user,
    NATS_PASSWORD_FILE: login?.passwordFile,
    OIDC_ISSUER: around.issuerUrl,
    SERVICE_KEY_FILE: keys.serviceKey(instance),
    PEERS_FILE: keys.peersFile,
    LOG_LEVEL: around.logLevel,
    ...databaseOf(around, service as ServiceName),
    ...own(around, service, instance, directory),
  };
  return prefixed(prefixOf(service), values);
}

function databaseOf(around: Surroundings, service: ServiceName): Record<string, string> {
  if (service === "authz") return {};
  const files = around.databaseFiles(service);
  return { POSTGRES_URL_FILE: files.runtime, MIGRATION_URL_FILE: files.migration };
}

/** What only this service is told. */
function own(
  { ports, keys, checkpointVkey, authzSharesPort }: Surroundings,
  service: string,
  instance: string,
  directory: DataDirectory,
): Record<string, string> {
  const tokenUrl = httpUrl(ports, "token");
  const trust = { TOKEN_ISSUER: tokenUrl, TOKEN_JWKS_URL: `${tokenUrl}/.well-known/jwks.json` };
  switch (service) {
    case "authz":
      return {
        ...trust,
        DATA_DIRECTORY: directory.authz(instance),
        APPROVALS_ADDRESS: `127.0.0.1:${ports["approvals-grpc"]}`,
        BUDGET_ADDRESS: `127.0.0.1:${ports["budget-grpc"]}`,
        APPROVALS_URL: httpUrl(ports, "approvals"),
        AUDIT_URL: httpUrl(ports, "audit"),
        BUNDLE_KEYS_FILE: keys.bundleKeys,
        PRODUCER_KEY_FILE: keys.producerKey(instance),
        PSEUDONYM_KEY_FILE: keys.pseudonymKey,
        ORIGINS: authzOrigins(ports),
        SHARED_PORT: String(authzSharesPort),
      };
    case "token":
      return {
        ISSUER: tokenUrl,
        SEALING_KEY_FILE: keys.tokenSealingKey,
        JOURNAL_FILE: directory.tokenJournal,
        BUDGET_ADDRESS: `127.0.0.1:${ports["budget-grpc"]}`,
      };
    case "approvals":
      return { ...trust, TOKEN_URL: tokenUrl, CHANNEL_SECRETS_DIRECTORY: directory.channelSecrets, CHANNELS_ALLOW_INTERNAL: "true" };
    case "policy-compiler":
      return {
        SIGNING_KEY_FILE: keys.bundleSigningKey,
        BUNDLE_KEYS_FILE: keys.bundleKeys,
        AUDIT_URL: httpUrl(ports, "audit"),
        TOKEN_URL: tokenUrl,
      };
    case "budget":
      return { BUNDLE_KEYS_FILE: keys.bundleKeys, TOKEN_URL: tokenUrl };
    case "audit":
      return {
        TOKEN_URL: tokenUrl,
        SIGNER_URL: httpUrl(ports, "signer"),
        CHECKPOINT_KEY: checkpointVkey,
        CHECKPOINT_DIRECTORY: directory.checkpoints,
        SUBJECT_SEALING_KEY_FILE: keys.subjectSealingKey,
        SINK_SECRETS_DIRECTORY: directory.sinkSecrets,
        SINK_DIRECTORY: directory.sinks,
        SINKS_ALLOW_INTERNAL: "true",
        PRODUCER_KEYS_FILE: keys.producerKeys,
      };
    default:
      return {};
  }
}

/** Every replica takes a proof that was made for any of them: it is good once among all. */
const authzOrigins = (ports: Ports): string =>
  Object.entries(ports)
    .filter(([name]) => /^authz.*-grpc$/.test(name))
    .flatMap(([, port]) => [`http://127.0.0.1:${port}`, `http://localhost:${port}`])
    .join(",");

/** The environment of the checkpoint signer: it reaches nothing, so it is told only whom to answer. */
export function signerEnvironment({ ports, keys, directory, logLevel }: Surroundings): Record<string, string> {
  return prefixed("AEGIS_SIGNER", {
    INSTANCE: "signer-0",
    HOST: "127.0.0.1",
    HTTP_PORT: String(ports.signer),
    KEY_FILE: keys.checkpointKey,
    PEERS_FILE: keys.peersFile,
    STATE_DIRECTORY: directory.signer,
    LOG_LEVEL: logLevel,
  });
}

export function issuerEnvironment({ ports, keys, issuerUrl }: Surroundings): Record<string, string> {
  return prefixed("AEGIS_ISSUER", { PORT: String(ports.issuer), KEY_FILE: keys.issuerKey, URL: issuerUrl });
}

function prefixed(prefix: string, values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[`${prefix}_${name}`, value]])));
}
