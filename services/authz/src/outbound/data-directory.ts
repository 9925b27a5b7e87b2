import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { HashKeyOf, PolicyCache, RevocationCache } from "#usecases/ports.ts";
import { bundleCache } from "./bundle-cache.ts";
import { pseudonymKeys } from "./pseudonyms.ts";
import { revocationCache } from "./revocation-cache.ts";

/** What authz keeps on its disk, besides the spool. */
export interface DataDirectory {
  readonly spoolDirectory: string;
  readonly jwksFile: string;
  readonly policies: PolicyCache;
  readonly revocations: RevocationCache;
  readonly hashKeyOf: HashKeyOf;
}

export async function dataDirectory(options: { directory: string; pseudonymKey: string | undefined }): Promise<DataDirectory> {
  const at = (...names: string[]) => join(options.directory, ...names);
  return {
    spoolDirectory: at("spool"),
    jwksFile: at("cache", "jwks.json"),
    policies: bundleCache(at("cache", "policies")),
    revocations: revocationCache(at("cache", "revocations.json")),
    hashKeyOf: await pseudonymKeys({ secret: options.pseudonymKey, file: at("cache", "pseudonym.key") }),
  };
}

/** A JWK set from a file. */
export const readKeys = async (path: string) => JSON.parse(await readFile(path, "utf8"));
