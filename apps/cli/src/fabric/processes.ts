import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "@aegis/infra/process";
import { repositoryRoot } from "../context.ts";
import { issuerEnvironment, type Surroundings, serviceEnvironment, signerEnvironment } from "./environment.ts";
import type { Instance } from "./keys.ts";
import type { PortName } from "./ports.ts";

/** Parts of a later stage are stopped first. */
export const stages = { store: 1, support: 2, service: 3 } as const;

/** One process of the fabric and how it is started. */
export interface ProcessPlan {
  name: string;
  stage: number;
  url: string;
  command: Command;
  /** How far it lets others go first where processors are short. */
  nice: number;
}

/**
 * Whoever takes in what was decided can do it a little later: the spool and JetStream keep it. Decisions cannot wait. budget is asked for
 * leases, too, so it yields less.
 */
const yields: Readonly<Partial<Record<PortName, number>>> = { audit: 10, signer: 10, budget: 5 };

/** Every process of the six services. */
export function instancesOf(authzReplicas: number): Instance[] {
  const authz = Array.from({ length: authzReplicas }, (_, replica) => ({ service: "authz", instance: `authz-${replica}` }));
  return [
    ...["token", "policy-compiler", "approvals", "budget", "audit"].map((service) => ({ service, instance: `${service}-0` })),
    ...authz,
  ];
}

/** The name of a process in tables, logs and ports: only authz has several. */
const nameOf = ({ service, instance }: Instance): PortName => (service === "authz" ? instance : service) as PortName;

export function serviceCommand(around: Surroundings, instance: Instance): ProcessPlan {
  return plan(
    around,
    nameOf(instance),
    stages.service,
    join("services", instance.service, "src", "main.ts"),
    serviceEnvironment(around, instance),
  );
}

/** The audit service's second process: it has a key of its own and can write no row. */
export function signerCommand(around: Surroundings): ProcessPlan {
  return plan(around, "signer", stages.support, join("services", "audit", "src", "signer.ts"), signerEnvironment(around));
}

export function issuerCommand(around: Surroundings): ProcessPlan {
  return plan(around, "issuer", stages.support, fileURLToPath(import.meta.resolve("./dev-issuer.ts")), issuerEnvironment(around));
}

function plan(around: Surroundings, name: PortName, stage: number, script: string, environment: Record<string, string>): ProcessPlan {
  return {
    name,
    stage,
    nice: yields[name] ?? 0,
    url: `http://127.0.0.1:${around.ports[name]}`,
    command: {
      command: process.execPath,
      args: ["--disable-warning=ExperimentalWarning", resolve(repositoryRoot, script)],
      cwd: repositoryRoot,
      env: { ...inherited(), ...environment },
    },
  };
}

/** Node keeps what it compiled, and the types it stripped, across starts. */
const compileCache = join(repositoryRoot, ".aegis", "compile-cache");

/** Our own environment without what configures this product: a service reads only what it is told here. */
function inherited(): Record<string, string> {
  const entries = Object.entries(process.env).filter(([name, value]) => value !== undefined && !name.startsWith("AEGIS_"));
  return { ...(Object.fromEntries(entries) as Record<string, string>), NODE_COMPILE_CACHE: compileCache };
}
