import type { Endpoints } from "@aegis/contracts/endpoints";
import { Failure } from "../failure.ts";
import { readIfPresent, readJson } from "../files.ts";
import type { DataDirectory } from "./data-directory.ts";
import { isAlive } from "./process-identity.ts";
import { probe } from "./readiness.ts";
import { type PartRecord, runningRecord } from "./record.ts";

interface ProcessStatus {
  name: string;
  pid: number | undefined;
  /** "ready", "running" for what has no health address, or what is wrong. */
  health: string;
  restarts: number;
  lastExit?: string;
  url?: string;
}

export interface FabricStatus {
  healthy: boolean;
  processes: ProcessStatus[];
  /** `endpoints.json` with pids and health beside every address. */
  document: Record<string, unknown>;
}

/** Asks every process of the running fabric how it is; `endpointsFile` is what named the directory, when a file did. */
export async function fabricStatus(directory: DataDirectory, endpointsFile?: string): Promise<FabricStatus> {
  if (endpointsFile !== undefined && (await readIfPresent(endpointsFile)) === undefined)
    throw new Failure(`there is no ${endpointsFile}: name the endpoints.json that ./aegis up wrote, or start a fabric with ./aegis up`);
  const record = await runningRecord(directory);
  if (!record) throw new Failure(`no fabric is running in ${directory.root}: start one with ./aegis up`);
  const processes = await Promise.all(record.parts.map(statusOf));
  const healthy = processes.every(({ health }) => health === "ready" || health === "running");
  const endpoints = await readJson<Endpoints>(directory.endpoints);
  const of = (name: string) => {
    const found = processes.find((one) => one.name === name);
    return found && { pid: found.pid, health: found.health, restarts: found.restarts };
  };
  const document = {
    ...endpoints,
    ...Object.fromEntries(
      ["token", "policy-compiler", "approvals", "budget", "audit"].map((name) => [
        name,
        { ...(endpoints?.[name as "token"] ?? {}), ...of(name) },
      ]),
    ),
    authz: { ...endpoints?.authz, ...of("authz-0") },
    replicas: { authz: endpoints?.replicas.authz.map((replica, index) => ({ ...replica, ...of(`authz-${index}`) })) ?? [] },
    supervisor: { pid: record.supervisor.pid, since: record.since },
    healthy,
    processes,
  };
  return { healthy, processes, document };
}

async function statusOf(part: PartRecord): Promise<ProcessStatus> {
  const { name, restarts, lastExit, url } = part;
  const alive = part.process !== undefined && isAlive(part.process);
  return {
    name,
    pid: alive ? part.process?.pid : undefined,
    health: alive ? await healthOf(url) : "down",
    restarts,
    ...(lastExit === undefined ? {} : { lastExit }),
    ...(url === undefined ? {} : { url }),
  };
}

async function healthOf(url: string | undefined): Promise<string> {
  if (url === undefined) return "running";
  const health = await probe(url);
  return health.ready ? "ready" : health.why;
}
