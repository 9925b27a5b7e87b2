import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { clientId } from "@aegis/identity/assertion";
import { agentTokenVerifier } from "@aegis/identity/verify";
import { tokenAttacks } from "@aegis/testkit/token-attacks";
import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { asOperator, type Client, claimsOf, postForm, type Running, registered, type Surroundings, surroundings } from "./running.ts";

/** An identity provider, or a platform that vouches for workloads. */
async function outside(alg: string) {
  const pair = await generateKeyPair(alg, { extractable: true });
  const [publicJwk, privateJwk] = [await exportJWK(pair.publicKey), await exportJWK(pair.privateKey)];
  const kid = `outside-${alg}`;
  return {
    ...{ alg, kid, privateJwk, publicJwk },
    jwks: { keys: [{ ...publicJwk, kid, alg, use: "sig" }] },
    sign: (claims: JWTPayload, header: object = {}, key: CryptoKey = pair.privateKey) =>
      new SignJWT(claims).setProtectedHeader({ alg, kid, typ: "JWT", ...header }).sign(key),
  };
}

const now = () => Math.floor(Date.now() / 1000);
const admin = { acme: ["admin" as const] };
const exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
const idToken = "urn:ietf:params:oauth:token-type:id_token";
const jwt = "urn:ietf:params:oauth:token-type:jwt";
const people = { iss: "https://login.acme.test", aud: "aegis-agents" };
const cluster = { iss: "https://kubernetes.acme.test", aud: "aegis-token" };
let around: Surroundings;
let service: Running;
let assistant: Client;
let child: Client;
let idp: Awaited<ReturnType<typeof outside>>;
let kubernetes: Awaited<ReturnType<typeof outside>>;
let fetches = 0;
const keyServer = createServer((request, response) => {
  fetches += 1;
  if (request.url === "/redirect") response.writeHead(302, { location: "/jwks" }).end();
  else response.end(JSON.stringify(kubernetes.jwks));
});

const trust = (json: object) => asOperator(around, admin, "POST", `${service.url}/v1/issuers`, { tenant: "acme", ...json });
const user = (claims: JWTPayload = {}) => idp.sign({ ...people, sub: "alice", exp: now() + 600, iat: now(), ...claims });
const forUser = (token: string, parameters: Record<string, string> = {}, by = assistant) =>
  by.exchange(token, { subject_token_type: idToken, ...parameters });
const pod = { namespace: "payments", serviceaccount: { name: "finance" } };
const workload = (claims: JWTPayload = {}) =>
  kubernetes.sign({ ...cluster, sub: "system:serviceaccount:payments:finance", "kubernetes.io": pod, exp: now() + 600, ...claims });
const asWorkload = (token: string, agent = "finance-agent", parameters: Record<string, string> = {}) =>
  postForm(`${service.url}/oauth/token`, {
    grant_type: exchange,
    client_id: clientId({ tenant: "acme", agent }),
    subject_token: token,
    subject_token_type: jwt,
    ...parameters,
  });
const error = (answer: { status: number; body: { error: string } }) => [answer.status, answer.body.error];

beforeAll(async () => {
  await new Promise<void>((resolve) => keyServer.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(keyServer.address() as AddressInfo).port}`;
  [idp, kubernetes] = [await outside("RS256"), await outside("ES256")];
  around = await surroundings();
  service = await around.start("token-0", { environment: { INTERNAL_HOSTS: host } });
  assistant = await registered(around, service, { tenant: "acme", agent: "assistant-agent" }, ["mail:*"]);
  child = await registered(around, service, { tenant: "acme", agent: "child-agent" }, ["mail:send"], ["assistant-agent"]);
  await registered(around, service, { tenant: "acme", agent: "finance-agent" }, ["pay:*"]);
  const login = { name: "login", kind: "user", issuer: people.iss, audience: people.aud, algorithms: ["RS256"], jwks: idp.jwks };
  const rules = [{ match: { sub: "*", groups: "staff" }, agents: ["assistant-agent"] }];
  expect(await trust({ ...login, rules })).toMatchObject({ status: 201 });
  const match = { sub: "system:serviceaccount:payments:*", "/kubernetes.io/serviceaccount/name": "finance" };
  const k8s = { name: "cluster", kind: "workload", issuer: cluster.iss, audience: cluster.aud, algorithms: ["ES256"] };
  const uri = { jwksUri: `http://${host}/jwks`, rules: [{ match, agents: ["finance-agent"] }] };
  expect(await trust({ ...k8s, ...uri })).toMatchObject({ status: 201 });
});
afterAll(async () => {
  keyServer.close();
  await around?.[Symbol.asyncDispose]();
});

test("a user's token becomes one of the agent that acts for that user, and never lives longer", async () => {
  const answer = await forUser(await user({ groups: ["staff"], exp: now() + 100 }), { scope: "mail:send" });
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  const claims = claimsOf(answer);
  expect(claims).toMatchObject({
    sub: "user:alice",
    client_id: "assistant-agent",
    act: { sub: "assistant-agent" },
    depth: 0,
    scope: "mail:send",
  });
  expect(claims.exp).toBeLessThanOrEqual(now() + 100);
  const verifier = agentTokenVerifier({ issuer: service.url, jwks: `${service.url}/.well-known/jwks.json` });
  expect(await verifier.verify(answer.body.access_token)).toMatchObject({ ok: true });
  const below = await child.exchange(answer.body.access_token);
  expect(claimsOf(below)).toMatchObject({ sub: "user:alice", act: { sub: "child-agent", act: { sub: "assistant-agent" } }, depth: 1 });
});

test("a user's token that is another's, of another time or of nobody trusted becomes nothing", async () => {
  const staff = { groups: ["staff"] };
  const stranger = await outside("RS256");
  const refused = [
    await forUser(await user()),
    await forUser(await user({ groups: "guests" })),
    await forUser(await user({ ...staff, aud: "another" })),
    await forUser(await user({ ...staff, iss: "https://login.globex.test" })),
    await forUser(await user({ ...staff, exp: now() - 1 })),
    await forUser(await user({ ...staff, iat: now() + 3_600 })),
    await forUser(await user({ ...staff, nbf: now() + 3_600 })),
    await forUser(await user({ ...staff, sub: "two words" })),
    await forUser(await stranger.sign({ ...people, sub: "alice", exp: now() + 600, ...staff })),
    await forUser(await user(staff), {}, child),
    await forUser((await assistant.own()).body.access_token),
    await asWorkload(await user(staff), "assistant-agent"),
  ];
  expect(refused.map(error)).toEqual(refused.map(() => [400, "invalid_request"]));
  expect(error(await forUser(await user(staff), { scope: "pay:*" }))).toEqual([400, "invalid_scope"]);
});

test("a workload's token stands in for the agent's key, for the agent that it is", async () => {
  const answer = await asWorkload(await workload());
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  expect(claimsOf(answer)).toMatchObject({ sub: "finance-agent", client_id: "finance-agent", depth: 0, scope: "pay:*" });
  const refused = [
    await asWorkload(await workload(), "assistant-agent"),
    await asWorkload(await workload(), "nobody-agent"),
    await asWorkload(await workload({ sub: "system:serviceaccount:payments:a:b" })),
    await asWorkload(await workload({ sub: "system:serviceaccount:other:finance" })),
    await asWorkload(await workload({ "kubernetes.io": { ...pod, serviceaccount: { name: "other" } } })),
    await asWorkload(await workload({ aud: "https://kubernetes.default.svc" })),
    await forUser(await workload()),
  ];
  expect(refused.map(error)).toEqual(refused.map(() => [400, "invalid_request"]));
});

test("another tenant's agents make no use of an issuer that only this tenant trusts", async () => {
  const other = await registered(around, service, { tenant: "globex", agent: "assistant-agent" }, ["mail:*"]);
  expect(error(await forUser(await user({ groups: ["staff"] }), {}, other))).toEqual([400, "invalid_request"]);
});

test("an unknown kid is looked up once, however often it comes", async () => {
  await asWorkload(await workload());
  const before = fetches;
  const token = await kubernetes.sign({ ...cluster, sub: "x", exp: now() + 60 }, { kid: "unknown" });
  await Promise.all(Array.from({ length: 20 }, () => asWorkload(token)));
  expect(fetches - before).toBeLessThanOrEqual(1);
});

test("keys are fetched from the Internet or a named host, never from inside by a name, an address or a redirect", async () => {
  const { port } = keyServer.address() as AddressInfo;
  const rules = [{ match: { sub: "*" }, agents: ["finance-agent"] }];
  const before = fetches;
  for (const [index, jwksUri] of [
    `http://localhost:${port}/jwks`,
    `https://localhost:${port}/jwks`,
    `http://[::1]:${port}/jwks`,
    `https://[::ffff:127.0.0.1]:${port}/jwks`,
    "https://169.254.169.254/latest/meta-data",
  ].entries()) {
    const iss = `https://inside-${index}.test`;
    const one = { name: `inside-${index}`, kind: "workload", issuer: iss, audience: cluster.aud, algorithms: ["ES256"] };
    expect(await trust({ ...one, jwksUri, rules })).toMatchObject({ status: 201 });
    expect(error(await asWorkload(await workload({ iss })))).toEqual([400, "invalid_request"]);
  }
  expect(fetches).toBe(before);
  const redirect = { name: "redirect", kind: "workload", issuer: "https://redirect.test", audience: cluster.aud, algorithms: ["ES256"] };
  await trust({ ...redirect, jwksUri: `http://127.0.0.1:${port}/redirect`, rules });
  expect(error(await asWorkload(await workload({ iss: "https://redirect.test" })))).toEqual([400, "invalid_request"]);
  expect(fetches).toBe(before + 1);
});

test("of the attacks on a workload's token none is accepted", async () => {
  const claims = { ...cluster, sub: "system:serviceaccount:payments:finance", "kubernetes.io": pod, exp: now() + 600, iat: now() };
  const stranger = await outside("ES256");
  const attacks = await tokenAttacks({
    privateJwk: { ...kubernetes.privateJwk, kid: kubernetes.kid } as never,
    publicJwk: kubernetes.publicJwk as never,
    strangerJwk: { ...stranger.privateJwk, kid: "stranger" } as never,
    strangerPublicJwk: stranger.publicJwk as never,
    claims,
    type: "JWT",
  });
  const accepted: string[] = [];
  for (const { name, token } of attacks) if ((await asWorkload(token)).status === 200) accepted.push(name);
  // OpenID Connect asks for no `typ`, `kid` nor, here, `iat`; a fingerprint of a certificate is not acted on.
  const harmless = /^(?:no kid$|no typ$|iat (?:absent|-1|1\.25)$|the true key, and x5t|typ "(?:application\/)?at\+jwt"$)/;
  expect(accepted.filter((name) => !harmless.test(name))).toEqual([]);
});

test("who trusts whom is for the tenant's admins to say, and is kept free of secrets and of doubles", async () => {
  const url = `${service.url}/v1/issuers`;
  const one = { name: "second", kind: "user", issuer: "https://second.test", audience: "a", algorithms: ["RS256"], jwks: idp.jwks };
  const rules = [{ match: { sub: "*" }, agents: ["assistant-agent"] }];
  expect((await asOperator(around, { globex: ["admin"] }, "POST", url, { tenant: "acme", ...one, rules })).status).toBe(403);
  expect((await asOperator(around, { acme: ["auditor"] }, "POST", url, { tenant: "acme", ...one, rules })).status).toBe(403);
  expect((await trust({ ...one, rules })).status, "two issuers would name the same users").toBe(409);
  expect((await trust({ ...one, rules, prefix: "second" })).status).toBe(201);
  const sub = "alice/x";
  const answer = await forUser(await idp.sign({ iss: one.issuer, aud: "a", sub, exp: now() + 60 }));
  expect(claimsOf(answer).sub).toBe("user:second/alice%2Fx");
  expect((await trust({ ...one, name: "third", issuer: "https://third.test", jwks: { keys: [idp.privateJwk] }, rules })).status).toBe(400);
  for (const fault of [
    { algorithms: ["HS256"] },
    { algorithms: ["none"] },
    { rules: [{ match: {}, agents: ["a"] }] },
    { jwks: undefined },
    { jwksUri: "file:///etc/passwd", jwks: undefined },
  ])
    expect((await trust({ ...one, name: "third", issuer: "https://third.test", prefix: "third", rules, ...fault })).status).toBe(400);
  const listed = await asOperator(around, { acme: ["auditor"] }, "GET", `${url}?tenant=acme`);
  expect(listed.body.issuers.map((issuer: { name: string }) => issuer.name)).toContain("login");
  expect((await asOperator(around, { globex: ["admin"] }, "GET", `${url}?tenant=acme`)).status).toBe(403);
  expect((await asOperator(around, { globex: ["admin"] }, "DELETE", `${url}/second?tenant=acme`)).status).toBe(403);
  expect((await asOperator(around, admin, "DELETE", `${url}/second?tenant=acme`)).status).toBe(204);
  expect((await asOperator(around, admin, "DELETE", `${url}/second?tenant=acme`)).status).toBe(404);
  expect(error(await forUser(await idp.sign({ iss: one.issuer, aud: "a", sub, exp: now() + 60 })))).toEqual([400, "invalid_request"]);
});
