import { person } from "@aegis/contracts/operator";
import { isOwnRequest } from "./person.ts";
import { at } from "./pointer.ts";

/** How long a grant may live. Milliseconds. */
export const longestGrantMs = 30 * 86_400_000;
export const mostUses = 10_000;

/** What one argument must be: a number within bounds, or exactly this. */
export interface Bound {
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  readonly equals?: string | number | boolean | null | undefined;
}

/** What calls a grant is for. */
interface Scope {
  readonly agent: string;
  /** On whose behalf the agent acts; undefined: on anybody's. */
  readonly subject?: string | undefined;
  readonly tool: string;
  readonly action: string;
  /** Of the rule that asks: another rule is another question. */
  readonly ruleDigest: string;
  /** By JSON pointer (RFC 6901) into the redacted arguments. */
  readonly bounds: Readonly<Record<string, Bound>>;
}

/** Standing leave for calls like one that people saw. */
export interface Grant extends Scope {
  readonly id: string;
  readonly tenant: string;
  /** The request it was made from. */
  readonly approvalId: string;
  /** `proposed` until as many people back it as the call needs. */
  readonly state: "proposed" | "live" | "revoked";
  readonly queue: string;
  readonly quorum: number;
  readonly backers: readonly string[];
  readonly uses: number;
  readonly maxUses: number;
  readonly comment: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly revokedBy?: string | undefined;
}

/** A call that needs leave. Arguments are redacted: what was hidden fits no bound. */
export interface HeldCall {
  readonly agent: string;
  readonly subject: string;
  readonly chain: readonly string[];
  readonly tool: string;
  readonly action: string;
  readonly ruleDigest: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** How a grant stands, in one word. */
export type Standing = "proposed" | "live" | "revoked" | "expired" | "used up";

export function standingOf(grant: Pick<Grant, "state" | "expiresAt" | "uses" | "maxUses">, now: number): Standing {
  if (grant.state === "revoked") return "revoked";
  if (now >= grant.expiresAt) return "expired";
  if (grant.uses >= grant.maxUses) return "used up";
  return grant.state;
}

/**
 * Whether a live grant lets this call pass. Nobody's grant is good for a call of their own, not even one made later on their behalf:
 * so the call's people are compared with those who back it.
 */
export function covers(grant: Grant, call: HeldCall, now: number): boolean {
  return (
    standingOf(grant, now) === "live" &&
    grant.agent === call.agent &&
    (grant.subject === undefined || grant.subject === call.subject) &&
    grant.tool === call.tool &&
    grant.action === call.action &&
    grant.ruleDigest === call.ruleDigest &&
    !grant.backers.some((backer) => isOwnRequest(call, backer)) &&
    Object.entries(grant.bounds).every(([pointer, bound]) => fits(at(call.arguments, pointer), bound))
  );
}

function fits(value: unknown, { min, max, equals }: Bound): boolean {
  if (equals !== undefined && value !== equals) return false;
  if (min === undefined && max === undefined) return equals !== undefined;
  return typeof value === "number" && value >= (min ?? Number.NEGATIVE_INFINITY) && value <= (max ?? Number.POSITIVE_INFINITY);
}

export type Backing = "backed" | "live" | "already" | "own_request" | "not_open";

/** What one more person's yes does to a grant that was proposed; who asked, is asked for, owns or wrote cannot give it. */
export function back(grant: Grant, requester: Parameters<typeof isOwnRequest>[0], user: string, now: number): Backing {
  if (isOwnRequest(requester, user)) return "own_request";
  if (standingOf(grant, now) !== "proposed") return "not_open";
  if (grant.backers.some((backer) => person(backer) === person(user))) return "already";
  return grant.backers.length + 1 >= grant.quorum ? "live" : "backed";
}
