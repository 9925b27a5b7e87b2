import { freePort, isPortFree } from "@aegis/infra/ports";
import { Failure } from "../failure.ts";

/** Every listener of a fabric and the port it has unless told otherwise. */
const defaultPorts = {
  nats: 4222,
  postgres: 9154,
  issuer: 9160,
  signer: 9151,
  token: 9110,
  "policy-compiler": 9120,
  approvals: 9130,
  "approvals-grpc": 9131,
  budget: 9140,
  "budget-grpc": 9141,
  audit: 9150,
} as const;

export type PortName = keyof typeof defaultPorts | `authz-${number}` | `authz-${number}-grpc`;
export type Ports = Readonly<Record<PortName, number>>;

/** How authz is run: so many processes, each with a gRPC port of its own unless they share one. */
export interface AuthzProcesses {
  readonly count: number;
  readonly onePort: boolean;
}

const firstGrpc = "authz-0-grpc";
const sharesPort = (name: string, { onePort }: AuthzProcesses) => onePort && name !== firstGrpc && /^authz-\d+-grpc$/.test(name);

/** The fixed ports: authz-0 has 9190 and 9191, each further process a hundred more. */
export function fixedPorts(authz: AuthzProcesses): Ports {
  const ports: Record<string, number> = { ...defaultPorts };
  for (let replica = 0; replica < authz.count; replica += 1) {
    ports[`authz-${replica}`] = 9190 + 100 * replica;
    ports[`authz-${replica}-grpc`] = authz.onePort ? 9191 : 9191 + 100 * replica;
  }
  return ports as Ports;
}

/** Free ports, those of the last run where they still are. */
export async function automaticPorts(authz: AuthzProcesses, last: Partial<Ports> = {}): Promise<Ports> {
  const ports: Record<string, number> = {};
  const taken = new Set<number>();
  for (const name of Object.keys(fixedPorts(authz)) as PortName[]) {
    if (sharesPort(name, authz)) continue;
    let port = last[name] ?? (await freePort());
    while (taken.has(port) || !(await isPortFree(port))) port = await freePort();
    taken.add(port);
    ports[name] = port;
  }
  for (const name of Object.keys(fixedPorts(authz))) if (sharesPort(name, authz)) ports[name] = ports[firstGrpc] as number;
  return ports as Ports;
}

/** Fails with one sentence that names every port another program holds. */
export async function requireFree(ports: Partial<Ports>): Promise<void> {
  const held: string[] = [];
  for (const [name, port] of Object.entries(ports)) if (port !== undefined && !(await isPortFree(port))) held.push(`${port} (${name})`);
  if (held.length === 0) return;
  throw new Failure(
    `port ${held.join(", ")} ${held.length === 1 ? "is" : "are"} taken by another program: stop it, or let Aegis choose with --ports auto`,
  );
}
