import { readFileSync } from "node:fs";
import { AegisError } from "@aegis/contracts/errors";
import type { Metadata } from "@grpc/grpc-js";
import { createLocalJWKSet, importJWK, type JWK, jwtVerify, SignJWT } from "jose";

/** Which instance of which service is calling. */
export interface Peer {
  readonly instance: string;
  readonly service: string;
}

const lifetimeSeconds = 60;

/** A credential this instance signs with its own key, for one audience: a JWT of one minute, made anew when half of it is gone. */
export function peerToken(options: { keyFile: string; service: string; audience: string }): () => Promise<string> {
  const jwk = JSON.parse(readFileSync(options.keyFile, "utf8")) as JWK;
  const instance = jwk.kid;
  if (instance === undefined) throw new AegisError("invalid_argument", `${options.keyFile}: the key has no kid`);
  let current: { token: Promise<string>; renewAt: number } | undefined;
  return () => {
    const now = Date.now();
    if (current === undefined || now >= current.renewAt) {
      const token = importJWK(jwk, "EdDSA").then((key) =>
        new SignJWT({ service: options.service })
          .setProtectedHeader({ alg: "EdDSA", kid: instance, typ: "aegis-peer+jwt" })
          .setIssuer(instance)
          .setAudience(options.audience)
          .setIssuedAt()
          .setExpirationTime(`${lifetimeSeconds}s`)
          .sign(key),
      );
      current = { token, renewAt: now + (lifetimeSeconds * 1000) / 2 };
    }
    return current.token;
  };
}

export type PeerVerifier = (credential: Metadata | string | undefined) => Promise<Peer>;

/**
 * Verifies a caller against the pinned public keys of `peersFile` (a JWKS whose keys also name their `aegis_service`).
 *
 * @throws AegisError `unauthenticated`, or `permission_denied` when the service is none of `allow`.
 */
export function peerVerifier(options: { peersFile: string; audience: string; allow: readonly string[] }): PeerVerifier {
  const peers = JSON.parse(readFileSync(options.peersFile, "utf8")) as { keys: (JWK & { aegis_service?: string })[] };
  const serviceOf = new Map(peers.keys.map((key) => [key.kid, key.aegis_service]));
  const keys = createLocalJWKSet(peers);
  return async (credential) => {
    const header = typeof credential === "string" ? credential : credential?.get("authorization")[0];
    const token = /^Bearer (\S+)$/i.exec(typeof header === "string" ? header : "")?.[1];
    if (token === undefined) throw new AegisError("unauthenticated", "a service's credential is needed");
    const { payload, protectedHeader } = await jwtVerify(token, keys, {
      audience: options.audience,
      algorithms: ["EdDSA"],
      typ: "aegis-peer+jwt",
      requiredClaims: ["iss", "exp"],
      maxTokenAge: lifetimeSeconds,
      clockTolerance: 30,
    }).catch((cause) => {
      throw new AegisError("unauthenticated", "the service's credential is not valid", { cause });
    });
    const service = serviceOf.get(protectedHeader.kid);
    if (payload.iss !== protectedHeader.kid || service === undefined)
      throw new AegisError("unauthenticated", "the credential names another instance");
    if (!options.allow.includes(service)) throw new AegisError("permission_denied", `${service} may not call this`);
    return { instance: payload.iss as string, service };
  };
}
