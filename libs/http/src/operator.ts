import { AegisError } from "@aegis/contracts/errors";
import { type OperatorRole, operatorAudience } from "@aegis/contracts/operator";
import { operatorClaims } from "@aegis/contracts/operator-claims";
import { createRemoteJWKSet, errors, type JWTVerifyGetKey, jwtVerify } from "jose";

/** A person, authenticated. */
export interface Operator {
  readonly user: string;
  /** When the token ends: milliseconds since 1970. */
  readonly expiresAt: number;
  /** Whether this person holds one of the roles in the tenant, directly or through "*". */
  has(tenant: string, ...roles: OperatorRole[]): boolean;
  /** @throws AegisError `permission_denied` when not. */
  require(tenant: string, ...roles: OperatorRole[]): void;
}

export interface OperatorAuth {
  /** @throws AegisError `unauthenticated`; `unavailable` while the issuer's keys cannot be had. */
  authenticate(authorizationHeader: string | undefined): Promise<Operator>;
}

/** Verifies operators' tokens against an OIDC issuer (OpenID Connect Discovery 1.0). Keys are fetched when first needed. */
export function operatorAuth(options: { issuer: string }): OperatorAuth {
  let keys: Promise<JWTVerifyGetKey> | undefined;
  const keySet = () => {
    keys ??= discover(options.issuer);
    keys.catch(() => {
      keys = undefined;
    });
    return keys;
  };
  return {
    async authenticate(header) {
      const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(header ?? "")?.[1];
      if (token === undefined) throw new AegisError("unauthenticated", "an operator's bearer token is needed");
      const getKey = await keySet().catch((cause) => {
        throw new AegisError("unavailable", "the operators' issuer cannot be reached", { cause });
      });
      try {
        const { payload } = await jwtVerify(token, getKey, {
          issuer: options.issuer,
          audience: operatorAudience,
          algorithms: ["EdDSA", "ES256", "RS256", "PS256"],
          requiredClaims: ["sub", "exp"],
        });
        return operator(operatorClaims.parse(payload));
      } catch (cause) {
        if (cause instanceof errors.JWKSTimeout) throw new AegisError("unavailable", "the operators' issuer cannot be reached", { cause });
        throw new AegisError("unauthenticated", "the operator's token is not valid", { cause });
      }
    },
  };
}

async function discover(issuer: string): Promise<JWTVerifyGetKey> {
  const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000), redirect: "error" });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  const document = (await response.json()) as { issuer?: string; jwks_uri?: string };
  // OpenID Connect Discovery 1.0 §4.3: the document must name the very issuer it was asked for.
  if (document.issuer !== issuer || document.jwks_uri === undefined) throw new Error(`${url} does not describe ${issuer}`);
  return createRemoteJWKSet(new URL(document.jwks_uri));
}

function operator(claims: { sub: string; exp: number; aegis_roles: Record<string, OperatorRole[]> }): Operator {
  const rolesIn = (tenant: string): readonly OperatorRole[] => [
    ...(Object.hasOwn(claims.aegis_roles, tenant) ? (claims.aegis_roles[tenant] ?? []) : []),
    ...(Object.hasOwn(claims.aegis_roles, "*") ? (claims.aegis_roles["*"] ?? []) : []),
  ];
  const has = (tenant: string, ...roles: OperatorRole[]) => rolesIn(tenant).some((role) => roles.includes(role));
  return {
    user: claims.sub,
    expiresAt: claims.exp * 1000,
    has,
    require(tenant, ...roles) {
      if (!has(tenant, ...roles)) throw new AegisError("permission_denied", `this needs one of the roles ${roles.join(", ")} in ${tenant}`);
    },
  };
}
