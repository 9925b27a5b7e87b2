import type { Reason } from "@aegis/contracts/reasons";
import type { Head } from "@aegis/policy/bundle";
import type { Snapshot } from "@aegis/policy/snapshot";

/** A tenant's policies in force. */
export interface ActivePolicy {
  readonly head: Head;
  readonly snapshot: Snapshot;
}

/** The newest revision ever accepted for a tenant; survives restarts. */
export interface HighWater {
  readonly revision: number;
  readonly digest: string;
}

/** How long a head may be past its expiry before its policies are refused: a compiler may be down that long. */
export const staleGraceMs = 24 * 60 * 60 * 1000;

/** What to do with a head whose signature holds. */
export type HeadJudgement = { readonly accept: "renewal" | "new" } | { readonly refuse: string };

/** Refuses another tenant's head, a roll-back below the high-water mark, and two contents under one revision. */
export function judgeHead(tenant: string, head: Head, highWater: HighWater | undefined, active: ActivePolicy | undefined): HeadJudgement {
  if (head.tenant !== tenant) return { refuse: `the head is of tenant ${head.tenant}` };
  if (highWater && head.revision < highWater.revision)
    return { refuse: `revision ${head.revision} is below ${highWater.revision}, which was accepted before` };
  if (highWater && head.revision === highWater.revision && head.digest !== highWater.digest)
    return { refuse: `revision ${head.revision} was accepted before with another digest` };
  return { accept: active !== undefined && samePolicies(active.head, head) ? "renewal" : "new" };
}

/** Whether two heads name the same content; their lifetime, and the signature over it, may differ. */
export function samePolicies(one: Head, other: Head): boolean {
  return one.revision === other.revision && one.digest === other.digest;
}

/** The policies to decide with at `now` (milliseconds since 1970), or why there are none. */
export function usablePolicy(active: ActivePolicy | undefined, now: number): ActivePolicy | Reason {
  if (!active) return { code: "policy_missing", message: "no policies are published for this tenant" };
  if (now > active.head.expires * 1000 + staleGraceMs)
    return { code: "policy_stale", message: `policies ${active.head.version} were not renewed for too long` };
  return active;
}
