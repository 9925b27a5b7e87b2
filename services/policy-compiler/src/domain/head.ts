import type { Digest } from "@aegis/canonical/digest";
import { type Head, objectName } from "@aegis/policy/bundle";
import type { Revision } from "./revision.ts";

/** What of a revision a head says. */
type Named = Pick<Revision, "tenant" | "revision" | "version" | "digest">;

/** How a head is handed out. */
export interface HeadOptions {
  /** Seconds that it is good for. */
  readonly lifetime: number;
  /** SHA-256 of the tarball that is stored under its object. */
  readonly tarball: Digest;
  /** Replicas prepare it, and wait so many milliseconds for the head without this before they put it into force by themselves. */
  readonly barrier?: number | undefined;
}

/** The record that is signed and handed out. `now` in milliseconds since 1970. */
export function headOf(revision: Named, now: number, { lifetime, tarball, barrier }: HeadOptions): Head {
  const issued = Math.floor(now / 1_000);
  return {
    tenant: revision.tenant,
    revision: revision.revision,
    version: revision.version,
    digest: revision.digest,
    object: objectName(revision.tenant, revision.revision, revision.digest),
    issued,
    expires: issued + lifetime,
    issuedMs: now,
    tarball,
    ...(barrier === undefined ? {} : { barrier }),
  };
}

/**
 * What to do about the head that is handed out: `write` when it is missing, older, wrong, over another tarball, half its life is over,
 * or its barrier's time is; `keep` when it is good; `ahead` when it is newer than what is known here, which a database restored from
 * a backup can cause. Without `tarball`, the one it pins is not looked at.
 */
export function judgeHead(
  current: Head | undefined,
  wanted: Pick<Revision, "revision" | "digest"> & { readonly tarball?: Digest },
  now: number,
  lifetime: number,
): "write" | "keep" | "ahead" {
  if (current === undefined || current.revision < wanted.revision) return "write";
  if (current.revision > wanted.revision) return "ahead";
  if (current.digest !== wanted.digest) return "write";
  if (wanted.tarball !== undefined && current.tarball !== wanted.tarball) return "write";
  if (current.barrier !== undefined && now >= (current.issuedMs ?? 0) + current.barrier) return "write";
  return current.expires - now / 1_000 < lifetime / 2 ? "write" : "keep";
}
