/** The error codes of RFC 6749 §5.2, RFC 8693 §2.2.2 and RFC 9449 §5 that this server answers. */
export type OAuthErrorCode =
  | "invalid_request"
  | "invalid_client"
  | "invalid_grant"
  | "unauthorized_client"
  | "unsupported_grant_type"
  | "invalid_scope"
  | "invalid_target"
  | "invalid_dpop_proof"
  | "use_dpop_nonce";

/** An expected no of the OAuth endpoints. `why` is shown to the client. */
export interface OAuthRefusal {
  readonly ok: false;
  readonly error: OAuthErrorCode;
  readonly why: string;
}

export const refuse = (error: OAuthErrorCode, why: string): OAuthRefusal => ({ ok: false, error, why });
