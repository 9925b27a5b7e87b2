import type { OperatorRole } from "@aegis/contracts/operator";

/** A private JWK in a file of mode 0600, and its public half. */
export interface KeyFile {
  readonly path: string;
  readonly kid: string;
  readonly publicJwk: Readonly<Record<string, unknown>>;
  readonly privateJwk: Readonly<Record<string, unknown>>;
}

export declare function keyFile(directory: string, kid: string, algorithm: "EdDSA" | "ES256"): Promise<KeyFile>;

export interface OperatorIssuer extends AsyncDisposable {
  /** The issuer's URL: discovery at /.well-known/openid-configuration. */
  readonly issuer: string;
  /** `roles` maps a tenant, or "*", to roles. */
  token(options: { user: string; roles: Record<string, OperatorRole[]>; expiresInSeconds?: number }): Promise<string>;
}
export declare function operatorIssuer(): Promise<OperatorIssuer>;

export interface AgentIssuer extends AsyncDisposable {
  readonly issuer: string;
  readonly jwksUrl: string;
  /** Signs claims as an at+jwt; `iss`, `aud`, `iat`, `exp` (5 min) and `jti` are filled in when absent. */
  token(claims: Record<string, unknown>): Promise<string>;
}
export declare function agentIssuer(): Promise<AgentIssuer>;
