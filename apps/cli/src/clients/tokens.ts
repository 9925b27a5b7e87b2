import { callJson } from "@aegis/http/client";
import { assertionType, signClientAssertion } from "@aegis/identity/assertion";
import type { Context } from "../context.ts";
import { readAgentKey } from "./agents.ts";
import { control, explained } from "./control.ts";

/** RFC 6749 §5.1. */
export interface IssuedToken {
  access_token: string;
  token_type: string;
  expires_in: number;
  scope: string;
  /** RFC 9396 §7: as granted. */
  authorization_details?: readonly unknown[];
}

export interface TokenRequest {
  tenant: string;
  agent: string;
  /** Items separated by spaces; absent: all the agent is registered for. */
  scope?: string | undefined;
  /** A JSON array (RFC 9396). */
  details?: string | undefined;
  prompt?: string | undefined;
  session?: string | undefined;
  /** Which copy of the agent this is; overrides are bound to it. */
  instance?: string | undefined;
  /** The agent's key, when it is not where `agent register` put it. */
  keyFile?: string | undefined;
}

/** The copy of an agent that this CLI plays: the same in every command, so that a later one may use what an earlier one was granted. */
const defaultInstance = "cli";

const idToken = "urn:ietf:params:oauth:token-type:id_token";
const accessToken = "urn:ietf:params:oauth:token-type:access_token";

/** An agent's own token: client credentials with a signed assertion (RFC 7523). */
export function issueToken(context: Context, request: TokenRequest): Promise<IssuedToken> {
  return post(context, request, { grant_type: "client_credentials" });
}

/** A narrower token on the subject token's behalf (RFC 8693). */
export function exchangeToken(context: Context, request: TokenRequest & { subjectToken: string; user?: boolean }): Promise<IssuedToken> {
  return post(context, request, {
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token: request.subjectToken,
    subject_token_type: request.user === true ? idToken : accessToken,
    requested_token_type: accessToken,
  });
}

/** Revokes a token, by itself or by its id, with all below it (RFC 7009); 0 for one unknown, expired or revoked before. */
export async function revokeToken(context: Context, tenant: string, given: string): Promise<{ revoked: number }> {
  const service = await control(context, "token", { role: "soc", tenant });
  return service.json("/oauth/revoke", { form: given.includes(".") ? { token: given } : { tenant, jti: given } });
}

async function post(context: Context, request: TokenRequest, grant: Readonly<Record<string, string>>): Promise<IssuedToken> {
  const issuer = (await context.endpoints()).token.http;
  const client = { tenant: request.tenant, agent: request.agent };
  const privateJwk = await readAgentKey(context, request.tenant, request.agent, request.keyFile);
  const form = {
    ...grant,
    instance: request.instance ?? defaultInstance,
    client_assertion_type: assertionType,
    client_assertion: await signClientAssertion({ privateJwk, client, audience: issuer }),
    ...(request.scope === undefined ? {} : { scope: request.scope }),
    ...(request.details === undefined ? {} : { authorization_details: request.details }),
    ...(request.prompt === undefined ? {} : { prompt_id: request.prompt }),
    ...(request.session === undefined ? {} : { session_id: request.session }),
  };
  return explained("token", callJson<IssuedToken>(`${issuer}/oauth/token`, { form }));
}
