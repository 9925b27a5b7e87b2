/** The error codes of RFC 6749 §5.2, RFC 8693 §2.2.2, RFC 9396 §5, RFC 9449 §5 and, for access_denied, RFC 8628 §3.5 that this server answers. */
export type OAuthErrorCode =
  | "invalid_request"
  | "invalid_client"
  | "invalid_grant"
  | "unauthorized_client"
  | "unsupported_grant_type"
  | "invalid_scope"
  | "invalid_authorization_details"
  | "invalid_target"
  | "access_denied"
  | "invalid_dpop_proof"
  | "use_dpop_nonce";

/** An expected no of the OAuth endpoints. `why` is shown to the client. */
export interface OAuthRefusal {
  readonly ok: false;
  readonly error: OAuthErrorCode;
  readonly why: string;
  /** When asking again may help. */
  readonly retryAfterSeconds?: number | undefined;
}

export const refuse = (error: OAuthErrorCode, why: string, retryAfterSeconds?: number): OAuthRefusal => ({
  ok: false,
  error,
  why,
  ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
});
