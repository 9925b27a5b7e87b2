import { type Head, objectName } from "@aegis/policy/bundle";
import type { Revision } from "./revision.ts";

/** The record that is signed and handed out. `now` in milliseconds since 1970, `lifetime` in seconds. */
export function headOf(revision: Pick<Revision, "tenant" | "revision" | "version" | "digest">, now: number, lifetime: number): Head {
  const issued = Math.floor(now / 1_000);
  return {
    tenant: revision.tenant,
    revision: revision.revision,
    version: revision.version,
    digest: revision.digest,
    object: objectName(revision.tenant, revision.revision, revision.digest),
    issued,
    expires: issued + lifetime,
  };
}

/**
 * What to do about the head that is handed out: `write` when it is missing, older, wrong, or half its life is over; `keep` when it is
 * good; `ahead` when it is newer than what is known here, which a database restored from a backup can cause.
 */
export function judgeHead(
  current: Head | undefined,
  wanted: Pick<Revision, "revision" | "digest">,
  now: number,
  lifetime: number,
): "write" | "keep" | "ahead" {
  if (current === undefined || current.revision < wanted.revision) return "write";
  if (current.revision > wanted.revision) return "ahead";
  if (current.digest !== wanted.digest) return "write";
  return current.expires - now / 1_000 < lifetime / 2 ? "write" : "keep";
}
