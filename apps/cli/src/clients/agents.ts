import { isDeepStrictEqual } from "node:util";
import type { PrivateJwk } from "@aegis/identity/keys";
import type { Context } from "../context.ts";
import { dataDirectory } from "../fabric/data-directory.ts";
import { Failure } from "../failure.ts";
import { readJson, writeAtomically } from "../files.ts";
import { control, query } from "./control.ts";

/** The file of an agent's private key. */
const agentKeyFile = (context: Context, tenant: string, agent: string): string =>
  dataDirectory(context.dataDirectory).agentKey(tenant, agent);

/** Makes the agent's Ed25519 key, unless it has one; gives the file and the public part. */
async function ensureAgentKey(context: Context, tenant: string, agent: string): Promise<{ keyFile: string; publicJwk: object }> {
  const keyFile = agentKeyFile(context, tenant, agent);
  const known = await readJson<PrivateJwk>(keyFile);
  if (known) {
    const { d: _private, ...publicJwk } = known;
    return { keyFile, publicJwk };
  }
  const { generateKey } = await import("@aegis/identity/keys");
  const { privateJwk, publicJwk } = await generateKey("EdDSA");
  await writeAtomically(keyFile, JSON.stringify(privateJwk));
  return { keyFile, publicJwk };
}

/** The agent's private key; fails with what to do when this machine has none. */
export async function readAgentKey(context: Context, tenant: string, agent: string, keyFile?: string): Promise<PrivateJwk> {
  const file = keyFile ?? agentKeyFile(context, tenant, agent);
  const key = await readJson<PrivateJwk>(file);
  if (key) return key;
  throw new Failure(
    `there is no key of ${agent} at ${file}: register it with aegis agent register, name its key with --key, or give a --token`,
  );
}

/** An agent as the registry shows it. */
export interface RegisteredAgent {
  tenant: string;
  agent: string;
  clientId: string;
  owner: string;
  purpose: string;
  kind: string;
  risk: string;
  scope: string[];
  mayAct: string[];
  publicJwk: object;
  org: string;
  scopeReviews: { scope: string; justification: string; reviewBy?: string }[];
  fingerprint?: string;
  state: "registered" | "active" | "suspended" | "retired" | "revoked";
  stateSince: string;
  createdAt: string;
}

export interface AgentRegistration {
  tenant: string;
  agent: string;
  owner: string;
  template?: string | undefined;
  scope?: readonly string[] | undefined;
  mayAct?: readonly string[] | undefined;
  risk?: string | undefined;
  purpose?: string | undefined;
  kind?: string | undefined;
  org?: string | undefined;
  fingerprint?: string | undefined;
  state?: string | undefined;
}

/** Registers an agent with a key of its own, whose private half is written to `keyFile` (0600) and shown to nobody. */
export async function registerAgent(
  context: Context,
  registration: AgentRegistration,
): Promise<{ agent: string; tenant: string; clientId: string; keyFile: string }> {
  const service = await control(context, "token", { role: "admin", tenant: registration.tenant });
  const { keyFile, publicJwk } = await ensureAgentKey(context, registration.tenant, registration.agent);
  const { agent, tenant, clientId } = await service.json<RegisteredAgent>("/v1/agents", { json: { ...registration, publicJwk } });
  return { agent, tenant, clientId, keyFile };
}

/** Every agent of the tenant, by name. */
export async function listAgents(context: Context, tenant: string): Promise<RegisteredAgent[]> {
  const service = await control(context, "token", { role: "auditor", tenant });
  const agents: RegisteredAgent[] = [];
  for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
    const page = await service.json<{ agents: RegisteredAgent[]; next?: string }>(`/v1/agents${query({ tenant, limit: 500, cursor })}`);
    agents.push(...page.agents);
    cursor = page.next;
  }
  return agents;
}

export async function showAgent(context: Context, tenant: string, agent: string): Promise<RegisteredAgent> {
  const service = await control(context, "token", { role: "auditor", tenant });
  return service.json(`/v1/agents/${encodeURIComponent(agent)}${query({ tenant })}`);
}

/** Moves an agent along its life; `stop` revokes. */
export async function commandAgent(
  context: Context,
  tenant: string,
  agent: string,
  command: "activate" | "suspend" | "resume" | "retire",
): Promise<RegisteredAgent> {
  const service = await control(context, "token", { role: "soc", tenant });
  return service.json(`/v1/agents/${encodeURIComponent(agent)}:${command}`, { json: { tenant } });
}

export async function approveFingerprint(context: Context, tenant: string, agent: string, fingerprint: string): Promise<RegisteredAgent> {
  const service = await control(context, "token", { role: "admin", tenant });
  return service.json(`/v1/agents/${encodeURIComponent(agent)}:approve-fingerprint`, { json: { tenant, fingerprint } });
}

/** What a registration says; the rest of an export is history, or, like the organisation, the tenant's own to say. */
const registered = ["owner", "purpose", "kind", "risk", "scope", "mayAct", "publicJwk", "scopeReviews", "fingerprint"] as const;

export interface Imported {
  readonly agent: string;
  readonly outcome: "created" | "unchanged" | "differs";
  /** Members that are other there. */
  readonly differs?: readonly string[];
}

/**
 * Registers agents in a tenant, each once: one that is there with the same registration is left alone, one that differs is
 * reported and left alone, too. States are not carried over: a stopped agent comes as one that is only registered.
 */
export async function importAgents(
  context: Context,
  tenant: string,
  given: readonly Record<string, unknown>[],
  dryRun: boolean,
): Promise<Imported[]> {
  const service = await control(context, "token", { role: "admin", tenant });
  const there = new Map((await listAgents(context, tenant)).map((one) => [one.agent, one]));
  const outcome: Imported[] = [];
  for (const one of given) {
    const agent = String(one.agent);
    const known = there.get(agent);
    const members = registered.filter((name) => one[name] !== undefined);
    const differs = known === undefined ? [] : members.filter((name) => !isDeepStrictEqual(known[name], one[name]));
    if (known === undefined && !dryRun) {
      const registration = Object.fromEntries(members.map((name) => [name, one[name]]));
      const state = one.state === undefined || one.state === "active" ? "active" : "registered";
      await service.json("/v1/agents", { json: { ...registration, tenant, agent, state } });
    }
    if (known !== undefined && differs.length > 0) outcome.push({ agent, outcome: "differs", differs });
    else outcome.push({ agent, outcome: known === undefined ? "created" : "unchanged" });
  }
  return outcome;
}
