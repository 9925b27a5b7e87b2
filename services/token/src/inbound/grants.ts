import { AegisError } from "@aegis/contracts/errors";
import { bindingName, instanceName } from "@aegis/identity/claims";
import { parseScope } from "@aegis/identity/scope";
import { agentAudience } from "@aegis/identity/verify";
import { z } from "zod";
import type { Agent } from "#domain/agent.ts";
import { type OAuthRefusal, refuse } from "#domain/oauth-refusal.ts";
import { type IssuedToken, issueDelegated, issueOwn, type TokenRequest } from "#usecases/issue-token.ts";
import type { Ports } from "#usecases/ports.ts";

const exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
const tokenTypes = ["urn:ietf:params:oauth:token-type:access_token", "urn:ietf:params:oauth:token-type:jwt"];

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
  jkt: string | undefined,
): Promise<IssuedToken | OAuthRefusal> {
  if (!grantTypes.includes(form.grant_type)) return refuse("unsupported_grant_type", `grant_type is one of ${grantTypes.join(", ")}`);
  if ((form.audience ?? agentAudience) !== agentAudience || form.resource !== undefined) {
    return refuse("invalid_target", `tokens are for the audience ${agentAudience} alone`);
  }
  const request = requestOf(form, jkt);
  if (!request.ok) return request;
  if (form.grant_type === "client_credentials") {
    return form.subject_token === undefined
      ? issueOwn(ports, client, request.request)
      : refuse("invalid_request", `a subject_token goes with grant_type ${exchange}`);
  }
  const fault = exchangeFault(form);
  if (fault !== undefined) return refuse("invalid_request", fault);
  return issueDelegated(ports, client, form.subject_token!, request.request);
}

function exchangeFault(form: TokenForm): string | undefined {
  if (form.subject_token === undefined) return "subject_token is missing";
  if (form.subject_token_type === undefined || !tokenTypes.includes(form.subject_token_type))
    return "subject_token_type is not an access token's";
  if (form.requested_token_type !== undefined && !tokenTypes.includes(form.requested_token_type)) {
    return "requested_token_type is not an access token's";
  }
  return form.actor_token === undefined ? undefined : "the actor is the authenticated client; actor_token is not taken";
}

function requestOf(form: TokenForm, jkt: string | undefined): { ok: true; request: TokenRequest } | OAuthRefusal {
  const named = z
    .object({ prompt_id: bindingName.optional(), session_id: bindingName.optional(), instance: instanceName.optional() })
    .safeParse(form);
  if (!named.success) return refuse("invalid_request", `${String(named.error.issues[0]?.path[0])} is not usable`);
  if (form.expires_in !== undefined && !/^\d{1,6}$/.test(form.expires_in))
    return refuse("invalid_request", "expires_in is not a number of seconds");
  const { prompt_id: promptId, session_id: sessionId, instance } = named.data;
  try {
    const scope = form.scope === undefined ? undefined : parseScope(form.scope);
    const ttlSeconds = form.expires_in === undefined ? undefined : Number(form.expires_in);
    return { ok: true, request: { scope, promptId, sessionId, instance, ttlSeconds, jkt } };
  } catch (error) {
    return refuse("invalid_scope", AegisError.from(error).message);
  }
}
