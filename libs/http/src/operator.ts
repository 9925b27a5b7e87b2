import { AegisError } from "@aegis/contracts/errors";
import { type OperatorRole, operatorAudience, orgKey } from "@aegis/contracts/operator";
import { operatorClaims } from "@aegis/contracts/operator-claims";
import { createRemoteJWKSet, errors, type JWTVerifyGetKey, jwtVerify } from "jose";
import type { NoteOrgRead } from "./org-reads.ts";

/** A person, authenticated. */
export interface Operator {
  readonly user: string;
  /** When the token ends: milliseconds since 1970. */
  readonly expiresAt: number;
  /** Whether this person holds one of the roles in the tenant, directly or through "*". Never by being an org-auditor: see `read`. */
  has(tenant: string, ...roles: OperatorRole[]): boolean;
  /** @throws AegisError `permission_denied` when not. */
  require(tenant: string, ...roles: OperatorRole[]): void;
  /**
   * Lets this person read `what` of the tenant: by one of the roles, else as an org-auditor, of which there is an event in the tenant by
   * then. Must be awaited before anything is told.
   *
   * @throws AegisError `permission_denied`; `unavailable` when an org-auditor's read cannot be noted.
   */
  read(tenant: string, what: string, ...roles: OperatorRole[]): Promise<void>;
  /** Whether this person is org-auditor of the tenant, of its organisation, or of all. */
  audits(tenant: string, org: string | undefined): boolean;
}

export interface OperatorAuth {
  /** @throws AegisError `unauthenticated`; `unavailable` while the issuer's keys cannot be had. */
  authenticate(authorizationHeader: string | undefined): Promise<Operator>;
}

/**
 * Verifies operators' tokens against an OIDC issuer (OpenID Connect Discovery 1.0). Keys are fetched when first needed. Without `orgReads`
 * nobody reads as an org-auditor.
 */
export function operatorAuth(options: { issuer: string; orgReads?: NoteOrgRead }): OperatorAuth {
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
        return operator(operatorClaims.parse(payload), `Bearer ${token}`, options.orgReads);
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

type Roles = Readonly<Record<string, readonly OperatorRole[]>>;

function operator(
  claims: { sub: string; exp: number; aegis_roles: Roles },
  authorization: string,
  orgReads: NoteOrgRead | undefined,
): Operator {
  const held = (key: string): readonly OperatorRole[] => (Object.hasOwn(claims.aegis_roles, key) ? (claims.aegis_roles[key] ?? []) : []);
  const has = (tenant: string, ...roles: OperatorRole[]) =>
    [...held(tenant), ...held("*")].some((role) => role !== "org-auditor" && roles.includes(role));
  const denied = (tenant: string, roles: readonly OperatorRole[]) =>
    new AegisError("permission_denied", `this needs one of the roles ${roles.join(", ")} in ${tenant}`);
  const self: Operator = {
    user: claims.sub,
    expiresAt: claims.exp * 1000,
    has,
    require(tenant, ...roles) {
      if (!has(tenant, ...roles)) throw denied(tenant, roles);
    },
    async read(tenant, what, ...roles) {
      if (has(tenant, ...roles)) return;
      const isOrgAuditor = Object.values(claims.aegis_roles).some((some) => some.includes("org-auditor"));
      if (!isOrgAuditor || orgReads === undefined) throw denied(tenant, roles);
      await orgReads({ operator: self, authorization, tenant, what });
    },
    audits: (tenant, org) => [tenant, "*", ...(org === undefined ? [] : [orgKey(org)])].some((key) => held(key).includes("org-auditor")),
  };
  return self;
}
