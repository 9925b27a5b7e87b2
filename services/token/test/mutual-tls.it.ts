import { Agent, request } from "node:https";
import { clientId } from "@aegis/identity/assertion";
import { importPrivateKey } from "@aegis/identity/keys";
import { freePort } from "@aegis/infra/ports";
import { type Authority, type Certificate, certificateAuthority } from "@aegis/testkit/certificates";
import { decodeJwt } from "jose";
import * as oauth from "oauth4webapi";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Client, type Running, registered, type Surroundings, surroundings } from "./running.ts";

// An OAuth client library that knows nothing of this server, over connections that were made with certificates.

let around: Surroundings;
let service: Running;
let as: oauth.AuthorizationServer;
let authority: Authority;
let [first, second]: Certificate[] = [];
let parent: Client;
let child: Client;
let mtlsUrl: string;

const exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
const accessTokenType = "urn:ietf:params:oauth:token-type:access_token";

beforeAll(async () => {
  authority = await certificateAuthority();
  const server = await authority.certify("token");
  [first, second] = [await authority.certify("first"), await authority.certify("second")];
  around = await surroundings();
  const port = await freePort();
  mtlsUrl = `https://127.0.0.1:${port}`;
  const files = { MTLS_CERTIFICATE: server.cert, MTLS_KEY: server.key, MTLS_CLIENT_AUTHORITIES: authority.ca };
  service = await around.start("token-0", { environment: { MTLS_PORT: String(port), ...files } });
  parent = await registered(around, service, { tenant: "acme", agent: "parent-agent" }, ["pay:*"]);
  child = await registered(around, service, { tenant: "acme", agent: "child-agent" }, ["pay:*"], ["parent-agent"]);
  const issuer = new URL(service.url);
  const answer = await oauth.discoveryRequest(issuer, { algorithm: "oauth2", [oauth.allowInsecureRequests]: true });
  as = await oauth.processDiscoveryResponse(issuer, answer);
});
afterAll(async () => around?.[Symbol.asyncDispose]());

/** A fetch whose connections are made with a certificate, or with none. */
const over = (shown: Certificate | undefined) => {
  const agent = new Agent({ ca: authority.ca, ...(shown && { cert: shown.cert, key: shown.key }) });
  return (url: string, options: { method?: string; headers?: Record<string, string>; body?: unknown }): Promise<Response> => {
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    const headers = { ...options.headers };
    const asked = request(url, { agent, method: options.method ?? "GET", headers }, (answer) => {
      const parts: Buffer[] = [];
      answer.on("data", (part: Buffer) => parts.push(part));
      answer.on("end", () => resolve(new Response(Buffer.concat(parts), { status: answer.statusCode!, headers: answer.headers as never })));
    });
    asked.on("error", reject);
    asked.end(options.body === undefined ? undefined : String(options.body));
    return promise;
  };
};

const optionsOver = (shown: Certificate | undefined) => ({
  [oauth.allowInsecureRequests]: true,
  [oauth.customFetch]: over(shown) as never,
});
const clientOf = (agent: Client): oauth.Client => ({ client_id: clientId(agent), use_mtls_endpoint_aliases: true });
const authOf = async (agent: Client) => {
  const { key, kid } = await importPrivateKey(agent.key.privateJwk);
  return oauth.PrivateKeyJwt({ key, kid });
};

async function own(agent: Client, shown: Certificate | undefined, options: { DPoP?: oauth.DPoPHandle } = {}) {
  const client = clientOf(agent);
  const response = await oauth.clientCredentialsGrantRequest(as, client, await authOf(agent), {}, { ...optionsOver(shown), ...options });
  return oauth.processClientCredentialsResponse(as, client, response);
}

async function delegated(subjectToken: string, shown: Certificate) {
  const form = { subject_token: subjectToken, subject_token_type: accessTokenType };
  const response = await oauth.genericTokenEndpointRequest(as, clientOf(child), await authOf(child), exchange, form, optionsOver(shown));
  return oauth.processGenericTokenEndpointResponse(as, clientOf(child), response);
}

test("RFC 8705 §3.3, §5: the metadata says that tokens are bound to certificates, and where", () => {
  expect(as).toMatchObject({
    tls_client_certificate_bound_access_tokens: true,
    mtls_endpoint_aliases: {
      token_endpoint: `${mtlsUrl}/oauth/token`,
      introspection_endpoint: `${mtlsUrl}/oauth/introspect`,
      revocation_endpoint: `${mtlsUrl}/oauth/revoke`,
    },
  });
});

test("RFC 8705 §3.1: over mutual TLS a token is a Bearer token that carries the certificate's thumbprint, time and again", async () => {
  for (const shown of [first!, second!, first!, first!]) {
    const answer = await own(parent, shown);
    expect(answer.token_type).toBe("bearer");
    expect(decodeJwt(answer.access_token).cnf).toEqual({ "x5t#S256": shown.thumbprint });
  }
});

test("RFC 8705 §3.2: introspection answers the confirmation", async () => {
  const { access_token: token } = await own(parent, first);
  const response = await oauth.introspectionRequest(as, clientOf(parent), await authOf(parent), token, optionsOver(second));
  const answer = await oauth.processIntrospectionResponse(as, clientOf(parent), response);
  expect(answer).toMatchObject({ active: true, token_type: "Bearer", cnf: { "x5t#S256": first!.thumbprint } });
});

test("a bound token is delegated only over a connection with its own certificate", async () => {
  const { access_token: token } = await own(parent, first);
  const below = await delegated(token, first!);
  expect(decodeJwt(below.access_token).cnf).toEqual({ "x5t#S256": first!.thumbprint });
  await expect(delegated(token, second!)).rejects.toMatchObject({ status: 400, error: "invalid_request" });
  expect((await child.exchange(token)).body.error, "without mutual TLS").toBe("invalid_request");
  const plain = (await parent.own()).body.access_token;
  expect(decodeJwt((await delegated(plain, second!)).access_token).cnf).toEqual({ "x5t#S256": second!.thumbprint });
});

test("a DPoP proof beside a certificate is refused: a token is bound to one of them", async () => {
  const DPoP = oauth.DPoP(clientOf(parent), await oauth.generateKeyPair("ES256"));
  await expect(own(parent, first, { DPoP })).rejects.toMatchObject({ status: 400, error: "invalid_request" });
});

test("without a certificate, or with a stranger's, there is no connection; without TLS, a token is bound to nothing", async () => {
  const stranger = await (await certificateAuthority()).certify("first");
  await expect(own(parent, undefined)).rejects.toThrow();
  await expect(own(parent, stranger)).rejects.toThrow();
  const header = { "x-forwarded-client-cert": `Hash=${Buffer.from(first!.thumbprint, "base64url").toString("hex")}` };
  const body = new URLSearchParams({ grant_type: "client_credentials", ...(await parent.credentials()) });
  const response = await fetch(`${service.url}/oauth/token`, { method: "POST", headers: header, body });
  const { access_token: token } = (await response.json()) as { access_token: string };
  expect(decodeJwt(token)).not.toHaveProperty("cnf");
});
