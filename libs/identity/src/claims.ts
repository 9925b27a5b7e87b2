import { namePattern } from "@aegis/contracts/name-patterns";
import { agentName, tenantName } from "@aegis/contracts/names";
import { z } from "zod";
import { isScopeItem, parseScope, type Scope } from "./scope.ts";

/** The longest chain of agent-to-agent hops that any configuration may allow. */
export const maxDelegationDepth = 3;

/** The longest life of an agent's token, in seconds. */
export const maxTokenSeconds = 300;

/** RFC 8693 §4.1: who acts, and through `act` who acted before. */
export interface Actor {
  readonly sub: string;
  readonly act?: Actor | undefined;
}

const actor: z.ZodType<Actor> = z.lazy(() => z.strictObject({ sub: agentName, act: actor.optional() }));

/** On whose behalf: a user, `user:…`, else the first agent of the chain. The two never collide: an agent's name has no colon. */
const subjectName = z.string().regex(/^(?:user:[\x21-\x7e]{1,250}|[a-z0-9][a-z0-9-]{0,62})$/);

/** A prompt's or session's identifier: one printable token. */
export const bindingName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/);

/** Tells spawned copies of one registration apart. */
export const instanceName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/);

/** The digest of an agent's prompt, tools and configuration, however its owner computes it. */
export const fingerprint = z.string().regex(/^sha256:[0-9a-f]{64}$/);

const seconds = z.int().min(0);

/** The most authorization details that one token may have. */
export const maxDetails = 16;

/** RFC 9396 §2: one of a token's authorization details. What its type's members mean, `authorization-details.ts` knows. */
export type AuthorizationDetail = { readonly type: string } & Readonly<Record<string, unknown>>;

// Taken as it is: a copy might lose a member that says what the token is not good for.
const authorizationDetail = z.custom<AuthorizationDetail>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value) && "type" in value && typeof value.type === "string",
);

/** A key by its thumbprint (RFC 9449 §6.1), or a certificate by its own (RFC 8705 §3.1): one of the two, and nothing else. */
const confirmation = z.union([z.strictObject({ jkt: z.string() }), z.strictObject({ "x5t#S256": z.string() })]);

/** What a token is bound to. */
export type Confirmation = Readonly<z.infer<typeof confirmation>>;

/** Whether two tokens are bound to the same key or certificate. */
export function isSameConfirmation(a: Confirmation, b: Confirmation | undefined): boolean {
  if (b === undefined) return false;
  if ("jkt" in a) return "jkt" in b && a.jkt === b.jkt;
  return "x5t#S256" in b && a["x5t#S256"] === b["x5t#S256"];
}

/** An agent's access token (RFC 9068, RFC 8693). Claims it does not name are dropped. */
export const agentClaims = z
  .object({
    iss: z.url(),
    aud: z.string().min(1),
    /** NumericDate, whole seconds. */
    exp: seconds,
    iat: seconds,
    jti: z.string().regex(/^[A-Za-z0-9_-]{8,64}$/),
    org: z.string().regex(namePattern),
    tenant: tenantName,
    /** The acting agent. */
    client_id: agentName,
    sub: subjectName,
    /** The actors, newest first; without a user, the first agent of the chain is `sub` and not repeated here. */
    act: actor.optional(),
    /** Agent-to-agent hops; 0 for an agent's own token. */
    depth: z.int().min(0).max(maxDelegationDepth),
    instance: instanceName,
    scope: z.string().max(16_384).refine(isScope, "not a scope"),
    prompt_id: bindingName.optional(),
    session_id: bindingName.optional(),
    /** The digest of what the agent was when it was approved: its prompt, tools and configuration. */
    fpr: fingerprint.optional(),
    /** RFC 9396 §9.1: the token is good for what one of them permits, within its scope; absent: for its whole scope. */
    authorization_details: z.array(authorizationDetail).min(1).max(maxDetails).optional(),
    /** RFC 7800: the key the bearer must prove to hold. */
    cnf: confirmation.optional(),
  })
  .refine((claims) => claims.exp > claims.iat, "exp is not after iat")
  .refine((claims) => claims.exp - claims.iat <= maxTokenSeconds, `lives longer than ${maxTokenSeconds} s`)
  .refine((claims) => {
    const chain = chainOf(claims);
    return chain[0] === claims.client_id && chain.length === claims.depth + 1;
  }, "client_id, act and depth do not agree");

export type AgentClaims = z.infer<typeof agentClaims>;

/** The agents of a token, newest first: the first is the acting agent, and there are `depth + 1` of them. */
export function chainOf(claims: { readonly sub: string; readonly act?: Actor | undefined }): string[] {
  const chain: string[] = [];
  for (let one = claims.act; one !== undefined; one = one.act) chain.push(one.sub);
  if (!isUser(claims.sub)) chain.push(claims.sub);
  return chain;
}

/** Whether a subject is a person rather than an agent. */
export const isUser = (subject: string): boolean => subject.startsWith("user:");

/** The items of a token's scope; read once for each token. */
export function scopeOf(claims: { readonly scope: string }): Scope {
  let scope = scopes.get(claims);
  if (scope === undefined) {
    scope = parseScope(claims.scope);
    scopes.set(claims, scope);
  }
  return scope;
}

const scopes = new WeakMap<object, Scope>();

function isScope(text: string): boolean {
  return text === "" || text.split(" ").every(isScopeItem);
}
