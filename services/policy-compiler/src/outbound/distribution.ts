import type { Bus } from "@aegis/bus/connect";
import { openBucket } from "@aegis/bus/kv";
import { openObjects } from "@aegis/bus/objects";
import { sha256 } from "@aegis/canonical/digest";
import { AegisError } from "@aegis/contracts/errors";
import { stores } from "@aegis/contracts/subjects";
import { type Head, signHead, verifyHead } from "@aegis/policy/bundle";
import type { Distribution } from "#usecases/ports.ts";
import type { SigningKey } from "./signing-key.ts";

/** Heads in the bucket `policy-heads`, bundles in the object store `bundles`. */
export async function distribution(bus: Bus, key: SigningKey): Promise<Distribution> {
  const heads = await openBucket(bus, stores.policyHeads);
  const bundles = await openObjects(bus, stores.bundles);
  return {
    async head(tenant) {
      const entry = await heads.get(tenant);
      if (entry === undefined) return { head: undefined, stamp: undefined };
      return { head: await readHead(entry.value, tenant, key), stamp: entry.revision };
    },
    async putHead(head, stamp) {
      const jws = await signHead(head, key.signer);
      try {
        await (stamp === undefined ? heads.create(head.tenant, jws) : heads.update(head.tenant, jws, stamp));
        return true;
      } catch (error) {
        if (error instanceof AegisError && error.code === "conflict") return false;
        throw error;
      }
    },
    async holdsBundle(object, digest) {
      const bytes = await bundles.look(object);
      return bytes instanceof Uint8Array && sha256(bytes) === digest;
    },
    putBundle: (object, tarball) => bundles.put(object, tarball),
  };
}

/** A head that no key of ours signed is as good as none: it is written over. */
async function readHead(bytes: Uint8Array, tenant: string, key: SigningKey): Promise<Head | undefined> {
  try {
    return await verifyHead(new TextDecoder().decode(bytes), { keys: key.knownKeys, tenant });
  } catch {
    return undefined;
  }
}
