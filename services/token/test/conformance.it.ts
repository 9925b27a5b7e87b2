import { clientId } from "@aegis/identity/assertion";
import type { AgentClaims } from "@aegis/identity/claims";
import { importPrivateKey } from "@aegis/identity/keys";
import * as oauth from "oauth4webapi";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Client, type Running, registered, type Surroundings, surroundings } from "./running.ts";

// An OAuth client library that knows nothing of this server, against the server as it is deployed. Each test names its requirement.

const insecure = { [oauth.allowInsecureRequests]: true };
const exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
const accessTokenType = "urn:ietf:params:oauth:token-type:access_token";
let around: Surroundings;
let service: Running;
let as: oauth.AuthorizationServer;
let parent: Client;
let child: Client;

beforeAll(async () => {
  around = await surroundings();
  service = await around.start("token-0");
  parent = await registered(around, service, { tenant: "acme", agent: "parent-agent" }, ["pay:*", "mail:send"]);
  child = await registered(around, service, { tenant: "acme", agent: "child-agent" }, ["pay:*"], ["parent-agent"]);
  const issuer = new URL(service.url);
  const answer = await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...insecure });
  as = await oauth.processDiscoveryResponse(issuer, answer);
});
afterAll(async () => around?.[Symbol.asyncDispose]());

const clientOf = (agent: Client): oauth.Client => ({ client_id: clientId(agent) });
const authOf = async (agent: Client) => {
  const { key, kid } = await importPrivateKey(agent.key.privateJwk);
  return oauth.PrivateKeyJwt({ key, kid });
};

/** A key pair in the form the library's DPoP handle takes. */
const proving = async (client: oauth.Client) => oauth.DPoP(client, await oauth.generateKeyPair("ES256"));

async function own(agent: Client, parameters: Record<string, string> = {}, DPoP?: oauth.DPoPHandle) {
  const client = clientOf(agent);
  const ask = async () => {
    const response = await oauth.clientCredentialsGrantRequest(as, client, await authOf(agent), parameters, {
      ...insecure,
      ...(DPoP && { DPoP }),
    });
    return oauth.processClientCredentialsResponse(as, client, response);
  };
  return ask().catch((error) => (oauth.isDPoPNonceError(error) ? ask() : Promise.reject(error)));
}

async function delegated(subjectToken: string, parameters: Record<string, string> = {}, DPoP?: oauth.DPoPHandle) {
  const client = clientOf(child);
  const form = { subject_token: subjectToken, subject_token_type: accessTokenType, ...parameters };
  const ask = async () => {
    const response = await oauth.genericTokenEndpointRequest(as, client, await authOf(child), exchange, form, {
      ...insecure,
      ...(DPoP && { DPoP }),
    });
    return oauth.processGenericTokenEndpointResponse(as, client, response);
  };
  return ask().catch((error) => (oauth.isDPoPNonceError(error) ? ask() : Promise.reject(error)));
}

async function introspected(agent: Client, token: string) {
  const response = await oauth.introspectionRequest(as, clientOf(agent), await authOf(agent), token, insecure);
  return oauth.processIntrospectionResponse(as, clientOf(agent), response);
}

/** What the library makes of an error response. */
async function errorOf(answer: Promise<unknown>): Promise<[number, string]> {
  const error = await answer.then(
    () => undefined,
    (caught) => caught,
  );
  if (!(error instanceof oauth.ResponseBodyError)) throw new Error(`no OAuth error: ${String(error)}`);
  return [error.status, error.error];
}

/** An access token as a resource server checks it (RFC 9068 §4, RFC 9449 §7). */
function validated(token: string, scheme: "Bearer" | "DPoP", proof?: string) {
  const headers = { authorization: `${scheme} ${token}`, ...(proof === undefined ? {} : { dpop: proof }) };
  const request = new Request("https://resource.test/", { headers });
  return oauth.validateJwtAccessToken(as, request, "aegis", insecure);
}

test("RFC 8414 §3.3: the metadata is valid, and its issuer is the one asked", () => {
  expect(as.issuer).toBe(service.url);
});

test("RFC 8414 §2: the metadata names every endpoint, grant, client authentication and algorithm there is", () => {
  expect(as).toMatchObject({
    token_endpoint: `${service.url}/oauth/token`,
    introspection_endpoint: `${service.url}/oauth/introspect`,
    revocation_endpoint: `${service.url}/oauth/revoke`,
    jwks_uri: `${service.url}/.well-known/jwks.json`,
    grant_types_supported: ["client_credentials", exchange],
    token_endpoint_auth_methods_supported: ["private_key_jwt"],
    token_endpoint_auth_signing_alg_values_supported: ["EdDSA", "Ed25519", "ES256"],
    dpop_signing_alg_values_supported: ["EdDSA", "Ed25519", "ES256"],
  });
});

test("RFC 6749 §4.4: client_credentials answers a token, its type, life and scope", async () => {
  const answer = await own(parent, { scope: "pay:send" });
  expect(answer).toMatchObject({ token_type: "bearer", expires_in: 300, scope: "pay:send" });
});

test("RFC 9068 §4: the access token validates as a JWT of type at+jwt for its audience", async () => {
  const claims = await validated((await own(parent)).access_token, "Bearer");
  expect(claims).toMatchObject({ iss: service.url, aud: "aegis", client_id: "parent-agent" });
});

test("RFC 8693 §2.2.1: a token exchange says what type of token it issued", async () => {
  const answer = await delegated((await own(parent)).access_token, { scope: "pay:send" });
  expect(answer).toMatchObject({ issued_token_type: accessTokenType, token_type: "bearer", scope: "pay:send" });
});

test("RFC 8693 §4.1: the issued token names the actor in act, and keeps the subject", async () => {
  const answer = await delegated((await own(parent)).access_token);
  expect(await validated(answer.access_token, "Bearer")).toMatchObject({ sub: "parent-agent", act: { sub: "child-agent" } });
});

test("RFC 8693 §2.2.2: an invalid subject_token is an invalid_request", async () => {
  expect(await errorOf(delegated("not.a.token"))).toEqual([400, "invalid_request"]);
});

test("RFC 8693 §2.2.2: another audience is an invalid_target", async () => {
  const { access_token: token } = await own(parent);
  expect(await errorOf(delegated(token, { audience: "https://elsewhere.test" }))).toEqual([400, "invalid_target"]);
});

test("RFC 6749 §5.2: a scope beyond what may be granted is an invalid_scope", async () => {
  expect(await errorOf(own(child, { scope: "mail:send" }))).toEqual([400, "invalid_scope"]);
});

const upTo = (max: number) => [{ type: "aegis_tool_call", identifier: "pay", actions: ["send"], parameters: { amount: { max } } }];
const asking = (details: unknown) => ({ authorization_details: JSON.stringify(details) });

test("RFC 9396 §10: the metadata names the types of authorization details", () => {
  expect(as.authorization_details_types_supported).toEqual(["aegis_tool_call"]);
});

test("RFC 9396 §7: a token response says which authorization details were granted", async () => {
  expect((await own(parent, asking(upTo(500)))).authorization_details).toEqual(upTo(500));
  expect(await own(parent)).not.toHaveProperty("authorization_details");
});

test("RFC 9396 §9.1: the access token carries the authorization details that were granted", async () => {
  const claims = await validated((await own(parent, asking(upTo(500)))).access_token, "Bearer");
  expect(claims.authorization_details).toEqual(upTo(500));
});

test("RFC 9396 §9.2: introspection answers the authorization details", async () => {
  const { access_token: token } = await own(parent, asking(upTo(500)));
  expect((await introspected(parent, token)).authorization_details).toEqual(upTo(500));
});

test("RFC 9396 §6.1: a child's authorization details are the parent's, or narrower", async () => {
  const { access_token: token } = await own(parent, asking(upTo(500)));
  expect((await delegated(token)).authorization_details).toEqual(upTo(500));
  const below = await delegated(token, asking(upTo(499)));
  expect((await validated(below.access_token, "Bearer")).authorization_details).toEqual(upTo(499));
  const wider = [upTo(501), [{ type: "aegis_tool_call", identifier: "pay" }], [...upTo(5), { type: "aegis_tool_call", identifier: "pay" }]];
  for (const details of wider) expect(await errorOf(delegated(token, asking(details)))).toEqual([400, "invalid_authorization_details"]);
});

test("RFC 9396 §5: an unknown type, an unknown member, a wrong value and what the scope does not cover are invalid_authorization_details", async () => {
  const [good] = upTo(500);
  const bad: unknown[] = [
    [{ ...good, type: "payment_initiation" }],
    [{ ...good, locations: ["https://pay.test"] }],
    [{ ...good, actions: "send" }],
    [{ ...good, identifier: undefined }],
    [{ ...good, identifier: "ledger" }],
    [],
    good,
    Array.from({ length: 17 }, () => good),
    [{ ...good, actions: Array.from({ length: 32 }, (_, n) => `${"x".repeat(124)}${n}`) }],
  ];
  for (const details of bad) expect(await errorOf(own(parent, asking(details)))).toEqual([400, "invalid_authorization_details"]);
  expect(await errorOf(own(parent, { authorization_details: '[{"type":"aegis_tool_call","type":"x"}]' }))).toEqual([
    400,
    "invalid_authorization_details",
  ]);
  expect(await errorOf(own(parent, { scope: "mail:send", ...asking(upTo(5)) }))).toEqual([400, "invalid_authorization_details"]);
});

test("RFC 6749 §5.2: an unknown client is an invalid_client with status 401", async () => {
  expect(await errorOf(own({ ...parent, agent: "nobody" }))).toEqual([401, "invalid_client"]);
});

test("RFC 6749 §5.2: an unknown grant is an unsupported_grant_type", async () => {
  const asked = oauth.genericTokenEndpointRequest(as, clientOf(parent), await authOf(parent), "password", {}, insecure);
  const answer = asked.then((response) => oauth.processGenericTokenEndpointResponse(as, clientOf(parent), response));
  expect(await errorOf(answer)).toEqual([400, "unsupported_grant_type"]);
});

test("RFC 6749 §5.1: a token is not cached", async () => {
  const response = await oauth.clientCredentialsGrantRequest(as, clientOf(parent), await authOf(parent), {}, insecure);
  expect([response.headers.get("cache-control"), response.headers.get("pragma")]).toEqual(["no-store", "no-cache"]);
});

test("RFC 7523 §3: a client assertion for another server is an invalid_client", async () => {
  const { key, kid } = await importPrivateKey(parent.key.privateJwk);
  const forged = oauth.PrivateKeyJwt(
    { key, kid },
    { [oauth.modifyAssertion]: (_header, payload) => void Object.assign(payload, { aud: "https://other.test" }) },
  );
  const asked = oauth.clientCredentialsGrantRequest(as, clientOf(parent), forged, {}, insecure);
  const answer = asked.then((response) => oauth.processClientCredentialsResponse(as, clientOf(parent), response));
  expect(await errorOf(answer)).toEqual([401, "invalid_client"]);
});

test("RFC 9449 §8: without a nonce the server asks for one, with error use_dpop_nonce and the header DPoP-Nonce", async () => {
  const client = clientOf(parent);
  const DPoP = await proving(client);
  const response = await oauth.clientCredentialsGrantRequest(as, client, await authOf(parent), {}, { ...insecure, DPoP });
  expect(response.headers.get("dpop-nonce")).toMatch(/^[\w-]{32}$/);
  const error = await oauth.processClientCredentialsResponse(as, client, response).catch((caught: unknown) => caught);
  expect(oauth.isDPoPNonceError(error)).toBe(true);
});

test("RFC 9449 §5: with a proof client_credentials answers a token of type DPoP", async () => {
  const answer = await own(parent, {}, await proving(clientOf(parent)));
  expect(answer.token_type).toBe("dpop");
});

test("RFC 9449 §5: with a proof the exchange answers a token of type DPoP, bound to the child's key", async () => {
  const DPoP = await proving(clientOf(child));
  const answer = await delegated((await own(parent)).access_token, {}, DPoP);
  expect(answer.token_type).toBe("dpop");
  expect(await introspected(child, answer.access_token)).toMatchObject({ cnf: { jkt: await DPoP.calculateThumbprint() } });
});

test("RFC 9449 §6.1: the token's cnf.jkt is the thumbprint of the proof's key", async () => {
  const DPoP = await proving(clientOf(parent));
  const answer = await own(parent, {}, DPoP);
  expect((await introspected(parent, answer.access_token)).cnf).toEqual({ jkt: await DPoP.calculateThumbprint() });
});

test("RFC 9449 §6.2: introspection answers token_type DPoP and the confirmation", async () => {
  const answer = await own(parent, {}, await proving(clientOf(parent)));
  expect(await introspected(parent, answer.access_token)).toMatchObject({
    active: true,
    token_type: "DPoP",
    cnf: { jkt: expect.any(String) },
  });
});

test("RFC 9449 §7.1: a resource server validates the bound token with the library's own proof", async () => {
  const DPoP = await proving(clientOf(parent));
  const { access_token: token } = await own(parent, {}, DPoP);
  const sent: Headers[] = [];
  const keep = async (_url: string, options: { headers: Record<string, string> }) => {
    sent.push(new Headers(options.headers));
    return new Response();
  };
  const url = new URL("https://resource.test/");
  await oauth.protectedResourceRequest(token, "GET", url, undefined, null, { DPoP, [oauth.customFetch]: keep as never });
  const claims = await oauth.validateJwtAccessToken(as, new Request(url, { headers: sent[0]! }), "aegis", insecure);
  expect(claims.cnf).toEqual({ jkt: await DPoP.calculateThumbprint() });
});

test("RFC 9449 §11.1: a proof that was used is an invalid_dpop_proof, also for twenty at once", async () => {
  const DPoP = await proving(clientOf(parent));
  await own(parent, {}, DPoP);
  const proofs: string[] = [];
  const keep = async (url: string, options: { headers: Record<string, string>; body: URLSearchParams }) => {
    proofs.push(new Headers(options.headers).get("dpop") ?? "");
    return fetch(url, options as never);
  };
  const options = { ...insecure, DPoP, [oauth.customFetch]: keep as never };
  expect((await oauth.clientCredentialsGrantRequest(as, clientOf(parent), await authOf(parent), {}, options)).status).toBe(200);
  const again = Array.from({ length: 20 }, async () => {
    const body = new URLSearchParams({ grant_type: "client_credentials", ...(await parent.credentials()) });
    const response = await fetch(as.token_endpoint!, { method: "POST", headers: { dpop: proofs[0]! }, body });
    return ((await response.json()) as { error: string }).error;
  });
  expect(new Set(await Promise.all(again))).toEqual(new Set(["invalid_dpop_proof"]));
});

test("RFC 9449 §4.3: what is no proof is an invalid_dpop_proof", async () => {
  const body = new URLSearchParams({ grant_type: "client_credentials", ...(await parent.credentials()) });
  const response = await fetch(as.token_endpoint!, { method: "POST", headers: { dpop: "proof" }, body });
  expect([response.status, ((await response.json()) as { error: string }).error]).toEqual([400, "invalid_dpop_proof"]);
});

test("RFC 7662 §2.2: introspection of a good token answers its claims", async () => {
  const answer = await introspected(parent, (await own(parent)).access_token);
  expect(answer).toMatchObject({ active: true, client_id: "parent-agent", iss: service.url, token_type: "Bearer" } satisfies Partial<
    AgentClaims & oauth.IntrospectionResponse
  >);
});

test("RFC 7662 §2.2: introspection of what is no token answers active false, and nothing else", async () => {
  expect(await introspected(parent, "not.a.token")).toEqual({ active: false });
});

test("RFC 7662 §2.3: a caller that is nobody gets a 401", async () => {
  const stranger = { ...parent, agent: "nobody" };
  expect(await errorOf(introspected(stranger, "x.y.z"))).toEqual([401, "invalid_client"]);
});

test("RFC 7009 §2.2: a revoked token, and what was delegated from it, is active no more", async () => {
  const { access_token: token } = await own(parent);
  const below = (await delegated(token)).access_token;
  const response = await oauth.revocationRequest(as, clientOf(parent), await authOf(parent), token, insecure);
  expect(await oauth.processRevocationResponse(response)).toBeUndefined();
  expect([await introspected(parent, token), await introspected(parent, below)]).toEqual([{ active: false }, { active: false }]);
});

test("RFC 7009 §2.2: revoking what is no token succeeds", async () => {
  const response = await oauth.revocationRequest(as, clientOf(parent), await authOf(parent), "not.a.token", insecure);
  expect(await oauth.processRevocationResponse(response)).toBeUndefined();
});
