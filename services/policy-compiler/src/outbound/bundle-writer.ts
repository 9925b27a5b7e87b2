import { writeBundle } from "@aegis/policy/bundle";
import type { BundleWriter } from "#usecases/ports.ts";
import type { SigningKey } from "./signing-key.ts";

/** Bundles signed with our key. */
export function bundleWriter(key: SigningKey): BundleWriter {
  return { write: (content) => writeBundle({ ...content, sign: key.signer }) };
}
