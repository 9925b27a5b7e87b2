import type { Endpoints } from "@aegis/contracts/endpoints";
import type { Surroundings } from "./environment.ts";
import type { PortName, Ports } from "./ports.ts";
import type { PartRecord } from "./record.ts";

/** What the processes are told, and what only people are. */
export interface FabricSurroundings extends Surroundings {
  /** Connection string of a role that may read. */
  reader: string;
  /** Connection string of the database's superuser. */
  superuser: string;
}

/** What `endpoints.json` says of a running fabric; the first replica of authz is the one clients use by default. */
export function endpointsOf(around: FabricSurroundings, parts: readonly PartRecord[]): Endpoints {
  const { ports } = around;
  const replicas = parts
    .filter((part) => /^authz-\d+$/.test(part.name))
    .map((part) => ({ ...both(ports, part.name as PortName), pid: part.process?.pid ?? 0 }));
  return {
    authz: both(ports, "authz-0"),
    token: http(ports, "token"),
    "policy-compiler": http(ports, "policy-compiler"),
    approvals: both(ports, "approvals"),
    budget: both(ports, "budget"),
    audit: http(ports, "audit"),
    nats: around.natsUrl,
    postgres: around.reader,
    postgresSuperuser: around.superuser,
    issuer: around.issuerUrl,
    replicas: { authz: replicas },
  };
}

const http = (ports: Ports, name: PortName) => ({ http: `http://127.0.0.1:${ports[name]}` });
const both = (ports: Ports, name: PortName) => ({ ...http(ports, name), grpc: `127.0.0.1:${ports[`${name}-grpc` as PortName]}` });
