import { createHash } from "node:crypto";

/** RFC 8705 §3.1, `x5t#S256`: the SHA-256 of a certificate in DER, in base64url. */
export const certificateThumbprint = (der: Uint8Array): string => createHash("sha256").update(der).digest("base64url");

/**
 * The thumbprint in an `x-forwarded-client-cert` header, as Envoy writes it; undefined where it does not name exactly one certificate. Of several
 * elements nobody can tell which one is the client's, and which a proxy's on the way.
 */
export function forwardedThumbprint(header: string): string | undefined {
  // Quoted values may hold separators.
  const plain = header.replace(/"(?:[^"\\]|\\.)*"/g, '""');
  if (plain.includes(",")) return undefined;
  const hashes = plain.split(";").flatMap((pair) => /^\s*hash=(.*?)\s*$/i.exec(pair)?.[1] ?? []);
  const [hash, ...others] = hashes;
  if (hash === undefined || others.length > 0 || !/^[0-9a-f]{64}$/i.test(hash)) return undefined;
  return Buffer.from(hash, "hex").toString("base64url");
}
