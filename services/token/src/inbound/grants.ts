import { AegisError } from "@aegis/contracts/errors";
import { type AgentRef, parseClientId } from "@aegis/identity/assertion";
import { parseDetails } from "@aegis/identity/authorization-details";
import { bindingName, type Confirmation, instanceName } from "@aegis/identity/claims";
import { claimedIssuer } from "@aegis/identity/outside";
import { parseScope } from "@aegis/identity/scope";
import { agentAudience } from "@aegis/identity/verify";
import { z } from "zod";
import type { Agent } from "#domain/agent.ts";
import { type OAuthRefusal, refuse } from "#domain/oauth-refusal.ts";
import { issueForUser, issueForWorkload } from "#usecases/exchange-outside.ts";
import { type IssuedToken, issueDelegated, issueOwn, type TokenRequest } from "#usecases/issue-token.ts";
import type { Ports } from "#usecases/ports.ts";

const exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
const jwtType = "urn:ietf:params:oauth:token-type:jwt";
const idTokenType = "urn:ietf:params:oauth:token-type:id_token";
const tokenTypes = ["urn:ietf:params:oauth:token-type:access_token", jwtType];

/** `grant_type`s of the token endpoint. */
export const grantTypes = ["client_credentials", exchange];

// RFC 6749 §3.2: a parameter without a value counts as left out. One that comes twice is an array, and no text.
const text = z
  .string()
  .optional()
  .transform((value) => (value === "" ? undefined : value));

/** Parameters of the token endpoint; unknown ones are ignored. */
export const tokenForm = z.object({
  grant_type: z.string(),
  client_id: text,
  client_assertion_type: text,
  client_assertion: text,
  /** Items `tool:action` or `tool:*`, separated by spaces. */
  scope: text,
  /** RFC 9396 §2: a JSON array. */
  authorization_details: text,
  prompt_id: text,
  session_id: text,
  instance: text,
  /** Seconds: a shorter life than the longest. */
  expires_in: text,
  subject_token: text,
  subject_token_type: text,
  actor_token: text,
  requested_token_type: text,
  audience: text,
  resource: text,
});

type TokenForm = z.infer<typeof tokenForm>;

/** Answers an authenticated client's request for a token. */
export async function grantToken(
  ports: Ports,
  client: Agent,
  form: TokenForm,
  cnf: Confirmation | undefined,
): Promise<IssuedToken | OAuthRefusal> {
  if (!grantTypes.includes(form.grant_type)) return refuse("unsupported_grant_type", `grant_type is one of ${grantTypes.join(", ")}`);
  const elsewhere = targetFault(form);
  if (elsewhere !== undefined) return elsewhere;
  const request = requestOf(form, cnf);
  if (!request.ok) return request;
  if (form.grant_type === "client_credentials") {
    return form.subject_token === undefined
      ? issueOwn(ports, client, request.request)
      : refuse("invalid_request", `a subject_token goes with grant_type ${exchange}`);
  }
  const fault = exchangeFault(form);
  if (fault !== undefined) return fault;
  if (isOutside(ports, form)) return issueForUser(ports, client, form.subject_token!, request.request);
  return issueDelegated(ports, client, form.subject_token!, request.request);
}

/** The agent that a request without client authentication is for: its subject token is a workload's, which stands in for a key. */
export function workloadOf(form: TokenForm): AgentRef | undefined {
  const { grant_type, client_id, client_assertion, subject_token_type } = form;
  const unauthenticated = client_assertion === undefined && client_id !== undefined;
  return unauthenticated && grant_type === exchange && subject_token_type === jwtType ? parseClientId(client_id) : undefined;
}

/** Answers a workload's request for the token of the agent that it is. */
export async function grantToWorkload(ports: Ports, agent: AgentRef, form: TokenForm, cnf: Confirmation | undefined) {
  const fault = targetFault(form) ?? exchangeFault(form);
  if (fault !== undefined) return fault;
  const request = requestOf(form, cnf);
  return request.ok ? issueForWorkload(ports, agent, form.subject_token!, request.request) : request;
}

/** Whether the subject token is one of an issuer outside. */
const isOutside = (ports: Ports, form: TokenForm): boolean =>
  form.subject_token_type === idTokenType ||
  (form.subject_token_type === jwtType && claimedIssuer(form.subject_token!) !== ports.settings.issuer);

function targetFault(form: TokenForm): OAuthRefusal | undefined {
  const isOurs = (form.audience ?? agentAudience) === agentAudience && form.resource === undefined;
  return isOurs ? undefined : refuse("invalid_target", `tokens are for the audience ${agentAudience} alone`);
}

function exchangeFault(form: TokenForm): OAuthRefusal | undefined {
  const fault = (why: string) => refuse("invalid_request", why);
  const { subject_token_type: subject, requested_token_type: requested } = form;
  if (form.subject_token === undefined) return fault("subject_token is missing");
  if (subject === undefined || ![...tokenTypes, idTokenType].includes(subject)) return fault("subject_token_type is not a JWT's");
  if (requested !== undefined && !tokenTypes.includes(requested)) return fault("requested_token_type is not an access token's");
  return form.actor_token === undefined ? undefined : fault("the actor is the authenticated client; actor_token is not taken");
}

function requestOf(form: TokenForm, cnf: Confirmation | undefined): { ok: true; request: TokenRequest } | OAuthRefusal {
  const named = z
    .object({ prompt_id: bindingName.optional(), session_id: bindingName.optional(), instance: instanceName.optional() })
    .safeParse(form);
  if (!named.success) return refuse("invalid_request", `${String(named.error.issues[0]?.path[0])} is not usable`);
  if (form.expires_in !== undefined && !/^\d{1,6}$/.test(form.expires_in))
    return refuse("invalid_request", "expires_in is not a number of seconds");
  const { prompt_id: promptId, session_id: sessionId, instance } = named.data;
  const asked = form.authorization_details === undefined ? undefined : parseDetails(form.authorization_details);
  if (asked?.ok === false) return refuse("invalid_authorization_details", asked.why);
  const details = asked?.details;
  try {
    const scope = form.scope === undefined ? undefined : parseScope(form.scope);
    const ttlSeconds = form.expires_in === undefined ? undefined : Number(form.expires_in);
    return { ok: true, request: { scope, details, promptId, sessionId, instance, ttlSeconds, cnf } };
  } catch (error) {
    return refuse("invalid_scope", AegisError.from(error).message);
  }
}
