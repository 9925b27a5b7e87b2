import { randomUUID } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type OperatorRole, operatorAudience } from "@aegis/contracts/operator";
import { type GeneratedKey, generateKey, importPrivateKey, type KeyAlgorithm, type PrivateJwk, type PublicJwk } from "@aegis/identity/keys";
import { type JWTPayload, SignJWT } from "jose";

/** A key pair; the private half is in a file of mode 0600. */
export interface KeyFile {
  readonly path: string;
  readonly kid: string;
  readonly publicJwk: PublicJwk;
  readonly privateJwk: PrivateJwk;
}

/** Makes a key pair and writes `<directory>/<kid>.jwk`. */
export async function keyFile(directory: string, kid: string, algorithm: KeyAlgorithm = "EdDSA"): Promise<KeyFile> {
  const pair = await generateKey(algorithm);
  const privateJwk = { ...pair.privateJwk, kid };
  await mkdir(directory, { recursive: true });
  const path = join(directory, `${kid}.jwk`);
  await writeFile(path, JSON.stringify(privateJwk), { mode: 0o600 });
  return { path, kid, privateJwk, publicJwk: { ...pair.publicJwk, kid } };
}

/** Writes `<directory>/<name>` as a JWKS. `services` maps a kid to the member `aegis_service` that peers are known by. */
export async function keySetFile(
  directory: string,
  name: string,
  keys: readonly KeyFile[],
  services: Readonly<Record<string, string>> = {},
): Promise<string> {
  const entries = keys.map((key) => ({
    ...key.publicJwk,
    ...(services[key.kid] === undefined ? {} : { aegis_service: services[key.kid] }),
  }));
  const path = join(directory, name);
  await writeFile(path, JSON.stringify({ keys: entries }));
  return path;
}

/** An issuer of JWTs: a small HTTP server with discovery documents and a key set. */
export interface TestIssuer extends AsyncDisposable {
  readonly issuer: string;
  readonly jwksUrl: string;
}

export interface OperatorIssuer extends TestIssuer {
  /** `roles` maps a tenant, or "*", to roles. Valid for five minutes, or for `expiresInSeconds` (negative: expired already). */
  token(options: { user: string; roles: Record<string, OperatorRole[]>; expiresInSeconds?: number }): Promise<string>;
}

/** Stands in for the organisation's OIDC provider. */
export async function operatorIssuer(): Promise<OperatorIssuer> {
  const issuer = await startIssuer();
  return {
    ...issuer,
    token: ({ user, roles, expiresInSeconds = 300 }) =>
      issuer.sign("JWT", { sub: user, aud: operatorAudience, exp: now() + expiresInSeconds, aegis_roles: roles }),
  };
}

export interface AgentIssuer extends TestIssuer {
  /** What it signs with. */
  readonly pair: GeneratedKey;
  /**
   * Signs an access token (typ at+jwt, EdDSA). Left out, these are filled in: `iss`, `aud` "aegis", `iat`, `exp` in five minutes,
   * `jti`, `org` "acme-org", `depth` 0, `instance` "i-1", and `sub` = `client_id`. Whatever is given is signed as it is.
   */
  token(claims: JWTPayload): Promise<string>;
}

/** Signs agents' tokens as the token service would. */
export async function agentIssuer(): Promise<AgentIssuer> {
  const issuer = await startIssuer();
  return {
    ...issuer,
    token: (claims) =>
      issuer.sign("at+jwt", {
        aud: "aegis",
        exp: now() + 300,
        jti: randomUUID(),
        org: "acme-org",
        depth: 0,
        instance: "i-1",
        ...(typeof claims.client_id === "string" ? { sub: claims.client_id } : {}),
        ...claims,
      }),
  };
}

const now = () => Math.floor(Date.now() / 1000);

async function startIssuer(): Promise<TestIssuer & { pair: GeneratedKey; sign(typ: string, claims: JWTPayload): Promise<string> }> {
  const pair = await generateKey("EdDSA");
  const { key, kid } = await importPrivateKey(pair.privateJwk);
  const server = createServer((request, response) => {
    const documents: Record<string, unknown> = {
      "/.well-known/openid-configuration": { issuer, jwks_uri: jwksUrl },
      "/.well-known/oauth-authorization-server": { issuer, jwks_uri: jwksUrl },
      "/.well-known/jwks.json": { keys: [pair.publicJwk] },
    };
    const document = documents[request.url ?? ""];
    response.writeHead(document === undefined ? 404 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(document ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const jwksUrl = `${issuer}/.well-known/jwks.json`;
  return {
    issuer,
    jwksUrl,
    pair,
    sign: (typ, claims) => new SignJWT({ iss: issuer, iat: now(), ...claims }).setProtectedHeader({ alg: "EdDSA", kid, typ }).sign(key),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
