import { AegisError } from "@aegis/contracts/errors";
import { normalizeScope } from "@aegis/identity/scope";
import type { Agent } from "#domain/agent.ts";
import { beyondCeilings, type RegistrationToken } from "#domain/registration-token.ts";
import type { Ports } from "./ports.ts";
import { agentOf, type Registration } from "./register-agent.ts";

type Needs = Pick<Ports, "registrationTokens" | "clock" | "ids" | "signals">;

/** Makes an initial access token; the text is shown this once, and only its hash is kept. */
export async function issueRegistrationToken(
  ports: Needs,
  grant: Omit<RegistrationToken, "id" | "createdAt" | "createdBy">,
  by: string,
): Promise<{ readonly token: RegistrationToken; readonly text: string }> {
  const token = {
    ...grant,
    scope: normalizeScope(grant.scope),
    id: ports.ids.next(),
    createdAt: ports.clock.now().getTime(),
    createdBy: by,
  };
  const secret = ports.ids.secret();
  await ports.registrationTokens.add(token, secret);
  return { token, text: `${token.tenant}.${token.id}.${secret}` };
}

/**
 * Registers an agent by an initial access token. The token is spent in the transaction that registers: what is refused spends nothing.
 *
 * @throws AegisError `unauthenticated` for a token unknown, spent or expired; `permission_denied` beyond its ceilings; `already_exists`.
 */
export async function registerByToken(
  ports: Needs,
  text: string,
  wanted: Pick<Registration, "agent" | "purpose" | "kind" | "scope" | "mayAct" | "publicJwk">,
): Promise<Agent> {
  const [, tenant, id, secret] = /^([a-z0-9-]{1,63})\.([0-9a-f-]{36})\.([\w-]{43})$/.exec(text) ?? [];
  if (tenant === undefined || id === undefined || secret === undefined) throw invalid();
  const now = ports.clock.now().getTime();
  const spent = await ports.registrationTokens.spend({ tenant, id, secret }, now, (token) => {
    const { owner, risk } = token;
    const state = token.active ? "active" : "registered";
    const agent = agentOf({ ...wanted, tenant, owner, risk, state }, `registration token ${id}`, now);
    const beyond = beyondCeilings(token, agent);
    if (beyond !== undefined) throw new AegisError("permission_denied", beyond);
    return agent;
  });
  if (spent === undefined) throw invalid();
  if (!spent.added) throw new AegisError("already_exists", `${wanted.agent} is already registered in ${tenant}`);
  ports.signals.registered({ tenant, agent: wanted.agent, by: spent.agent.createdBy });
  return spent.agent;
}

const invalid = () => new AegisError("unauthenticated", "the initial access token is unknown, spent or expired");
