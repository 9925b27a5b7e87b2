import { AegisError } from "@aegis/contracts/errors";
import type { JSONWebKeySet, JWK } from "jose";
import type { PolicyContent, PolicySet } from "./ir.ts";

/** A private ES256 JWK with its `kid`. OPA verifies no EdDSA. */
export interface BundleSigner {
  readonly key: JWK & { readonly kid: string };
}

/** The signed content as one gzip tarball that OPA loads, and the digest of what is signed. */
export function writeBundle(options: {
  readonly tenant: string;
  readonly revision: number;
  readonly policies: PolicySet;
  readonly sign: BundleSigner;
}): Promise<{ tarball: Uint8Array; digest: `sha256:${string}`; version: string }> {
  throw new AegisError("unimplemented", options.tenant);
}

/**
 * Verifies and opens a bundle.
 *
 * @throws AegisError `unprocessable` when it is unsigned, signed by a key not in `keys`, altered, oversized or another tenant's.
 */
export function readBundle(
  tarball: Uint8Array,
  options: { readonly keys: JSONWebKeySet; readonly tenant: string },
): Promise<PolicyContent> {
  throw new AegisError("unimplemented", `${options.tenant} ${tarball.length}`);
}

/** The small signed record that names a tenant's current revision. Times are seconds since 1970. */
export interface Head {
  readonly tenant: string;
  readonly revision: number;
  readonly version: string;
  readonly digest: `sha256:${string}`;
  /** Name in the object store `bundles`. */
  readonly object: string;
  readonly issued: number;
  readonly expires: number;
}

/** A head as a compact JWS (ES256). */
export function signHead(head: Head, sign: BundleSigner): Promise<string> {
  throw new AegisError("unimplemented", `${head.tenant} ${sign.key.kid}`);
}

/** The head that a compact JWS carries. Expiry is left to the caller, who knows its grace. @throws AegisError `unprocessable`. */
export function verifyHead(jws: string, options: { readonly keys: JSONWebKeySet; readonly tenant: string }): Promise<Head> {
  throw new AegisError("unimplemented", `${options.tenant} ${jws.length}`);
}
