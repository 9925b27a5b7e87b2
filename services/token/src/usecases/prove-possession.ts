import { checkProof } from "@aegis/identity/dpop";
import { type OAuthRefusal, refuse } from "#domain/oauth-refusal.ts";
import type { Ports } from "./ports.ts";

/** A client's proof that it holds a key, not yet used up. */
export interface Possession {
  readonly ok: true;
  /** RFC 7638 thumbprint of the key; absent when the request came without a proof. */
  readonly jkt?: string | undefined;
  /** Uses the proof up; undefined when that is all right. */
  spend(): Promise<OAuthRefusal | undefined>;
}

/**
 * Looks at the DPoP proof of a token request (RFC 9449 §5), which needs one of this server's nonces. It is used up only once the
 * client is known: who is nobody fills no table.
 */
export async function provePossession(ports: Ports, proof: string | undefined): Promise<Possession | OAuthRefusal> {
  if (proof === undefined) return { ok: true, spend: async () => undefined };
  const now = ports.clock.now();
  const htu = [`${ports.settings.issuer}/oauth/token`];
  const checked = await checkProof(proof, { htm: "POST", htu, now, acceptsNonce: (nonce) => ports.nonces.accepts(nonce, now) });
  if (!checked.ok) return refuse(checked.error, checked.why);
  const spend = async () =>
    (await ports.proofs.spend(checked.id, now)) ? undefined : refuse("invalid_dpop_proof", "the DPoP proof was used before");
  return { ok: true, jkt: checked.jkt, spend };
}
