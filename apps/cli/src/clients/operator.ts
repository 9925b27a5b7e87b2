import { userInfo } from "node:os";
import { type OperatorRole, operatorAudience, operatorRoles } from "@aegis/contracts/operator";
import type { JWK } from "jose";
import { SignJWT } from "jose/jwt/sign";
// By their own paths: a kill switch is not to wait for the rest of the library.
import { importJWK } from "jose/key/import";
import { dataDirectory } from "../fabric/data-directory.ts";
import { Failure, usage } from "../failure.ts";
import { readJson } from "../files.ts";

export interface OperatorTokenRequest {
  /** The fabric's data directory: its dev issuer's key signs. */
  dataDirectory: string;
  issuer: string;
  user: string;
  role: OperatorRole;
  /** "*" for every tenant, `orgKey(org)` for an organisation. */
  tenant: string;
  lifetimeSeconds?: number;
}

/** Who a person at this keyboard is, unless they say otherwise. */
export const thisUser = (): string => `${userInfo().username}@localhost`;

export function operatorRole(text: string): OperatorRole {
  const role = operatorRoles.find((known) => known === text);
  if (!role) throw usage(`"${text}" is not a role: use one of ${operatorRoles.join(", ")}`);
  return role;
}

/** Signs an operator's token with the dev issuer's key. Works only where that key is: on the machine of `aegis up`. */
export async function operatorToken(
  request: OperatorTokenRequest,
): Promise<{ access_token: string; token_type: "Bearer"; expires_in: number }> {
  const file = dataDirectory(request.dataDirectory).issuerKey;
  const jwk = await readJson<JWK>(file);
  if (!jwk?.alg || !jwk.kid) {
    throw new Failure(
      `there is no issuer key at ${file}: name the data directory of the fabric with --data-dir, or set AEGIS_OPERATOR_TOKEN`,
    );
  }
  const lifetime = request.lifetimeSeconds ?? 3_600;
  const token = await new SignJWT({ aegis_roles: { [request.tenant]: [request.role] } })
    .setProtectedHeader({ alg: jwk.alg, kid: jwk.kid, typ: "JWT" })
    .setIssuer(request.issuer)
    .setSubject(request.user)
    .setAudience(operatorAudience)
    .setIssuedAt()
    .setExpirationTime(`${lifetime}s`)
    .sign(await importJWK(jwk, jwk.alg));
  return { access_token: token, token_type: "Bearer", expires_in: lifetime };
}
