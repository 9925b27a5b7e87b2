import { createHmac, timingSafeEqual } from "node:crypto";

/** Nonces that a server hands out for DPoP proofs (RFC 9449 §8), and knows again. */
export interface ProofNonces {
  /** The nonce to hand out now. */
  current(now: Date): string;
  /** Whether it was handed out by a holder of the same secret, at most two periods ago. */
  accepts(nonce: string, now: Date): boolean;
}

/**
 * Nonces without memory: the period's number and its HMAC. All instances with one secret hand out and accept the same ones,
 * also after a restart. A nonce is good for its period and the next.
 */
export function proofNonces(secret: Uint8Array, periodSeconds = 150): ProofNonces {
  const key = createHmac("sha256", secret).update("dpop nonce").digest();
  const nonceOf = (period: number) => createHmac("sha256", key).update(String(period)).digest("base64url").slice(0, 32);
  const periodOf = (now: Date) => Math.floor(now.getTime() / 1000 / periodSeconds);
  return {
    current: (now) => nonceOf(periodOf(now)),
    accepts: (nonce, now) => [0, -1, 1].some((shift) => isSame(nonceOf(periodOf(now) + shift), nonce)),
  };
}

function isSame(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b.replace(/[^\x21-\x7e]/g, "?")));
}
