import { certificateThumbprint } from "@aegis/identity/certificate";
import type { Confirmation } from "@aegis/identity/claims";
import { checkProof } from "@aegis/identity/dpop";
import { type OAuthRefusal, refuse } from "#domain/oauth-refusal.ts";
import type { Ports } from "./ports.ts";

/** What a client shows of a key beside its authentication. */
export interface Shown {
  /** A DPoP proof. */
  readonly proof: string | undefined;
  /** The certificate, in DER, with which it made a connection over mutual TLS: the connection is the proof. */
  readonly certificate: Uint8Array | undefined;
}

/** A client's proof that it holds a key, not yet used up. */
export interface Possession {
  readonly ok: true;
  /** What the token is to be bound to; absent when the request came without a proof. */
  readonly cnf?: Confirmation | undefined;
  /** Uses the proof up; undefined when that is all right. */
  spend(): Promise<OAuthRefusal | undefined>;
}

/**
 * Looks at the DPoP proof of a token request (RFC 9449 §5), which needs one of this server's nonces. It is used up only once the
 * client is known: who is nobody fills no table. A certificate (RFC 8705 §3) needs no looking at, and may be used again.
 */
export async function provePossession(ports: Ports, { proof, certificate }: Shown): Promise<Possession | OAuthRefusal> {
  if (proof === undefined) {
    const cnf = certificate && { "x5t#S256": certificateThumbprint(certificate) };
    return { ok: true, cnf, spend: async () => undefined };
  }
  if (certificate !== undefined)
    return refuse("invalid_request", "over mutual TLS a token is bound to the certificate: send no DPoP proof");
  const now = ports.clock.now();
  const htu = [`${ports.settings.issuer}/oauth/token`];
  const checked = await checkProof(proof, { htm: "POST", htu, now, acceptsNonce: (nonce) => ports.nonces.accepts(nonce, now) });
  if (!checked.ok) return refuse(checked.error, checked.why);
  const spend = async () =>
    (await ports.proofs.spend(checked.id, now)) ? undefined : refuse("invalid_dpop_proof", "the DPoP proof was used before");
  return { ok: true, cnf: { jkt: checked.jkt }, spend };
}
