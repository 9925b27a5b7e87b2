import { person } from "@aegis/contracts/operator";
import { isOwnRequest } from "./person.ts";

export const approvalStates = ["pending", "approved", "denied", "expired", "cancelled", "redeemed"] as const;
export type ApprovalState = (typeof approvalStates)[number];

/** How long a yes stays good: to be collected, and, once collected, to be redeemed. Milliseconds. */
export const overrideLifetimeMs = 5 * 60_000;

export interface Vote {
  readonly user: string;
  readonly decision: "approve" | "deny";
  readonly comment: string;
  /** Milliseconds since the epoch, as every time here. */
  readonly at: number;
}

/** Who asked, as far as it matters for who may answer. */
interface Requester {
  readonly agent: string;
  readonly subject: string;
  readonly chain: readonly string[];
  /** The person who answers for the agent, when known. */
  readonly owner?: string | undefined;
  /** Who wrote the policies the call was held by, as far as known. */
  readonly authors?: readonly string[] | undefined;
}

/** What a decision is taken on. */
export interface Approval {
  readonly state: ApprovalState;
  readonly requester: Requester;
  /** How many different people must say yes. */
  readonly quorum: number;
  /** When the present state lapses; means nothing once the state is final. */
  readonly expiresAt: number;
  readonly votes: readonly Vote[];
  readonly decidedBy: readonly string[];
}

export type Command =
  | { readonly type: "vote"; readonly vote: Vote }
  | { readonly type: "expire"; readonly at: number }
  | { readonly type: "cancel"; readonly by: string; readonly comment?: string; readonly at: number };

export type Change =
  | { readonly type: "voted"; readonly vote: Vote }
  | { readonly type: "approved"; readonly by: readonly string[]; readonly at: number }
  | { readonly type: "denied"; readonly by: string; readonly at: number }
  | { readonly type: "expired"; readonly at: number }
  | { readonly type: "cancelled"; readonly by: string; readonly comment?: string; readonly at: number }
  | { readonly type: "redeemed"; readonly decisionId: string; readonly at: number };

export type Refusal = "own_request" | "already_decided" | "not_due";

/** What follows from a command; a refusal may come with changes: a vote after the deadline finds the approval expired. */
export interface Outcome {
  readonly changes: readonly Change[];
  readonly refused?: Refusal;
}

/**
 * Decides a command on the state it was read from.
 * One no ends it, also after a yes that has not been redeemed: deny beats approve in whatever order they arrive.
 */
export function decide(approval: Approval, command: Command): Outcome {
  switch (command.type) {
    case "vote":
      return decideVote(approval, command.vote);
    case "expire":
      if (!isOpen(approval)) return { changes: [], refused: "already_decided" };
      return lapsed(approval, command.at) ? { changes: [{ type: "expired", at: command.at }] } : { changes: [], refused: "not_due" };
    case "cancel":
      if (!isOpen(approval)) return { changes: [], refused: "already_decided" };
      return { changes: [{ ...command, type: "cancelled" }] };
  }
}

/** The state after a change. */
export function evolve(approval: Approval, change: Change): Approval {
  switch (change.type) {
    case "voted":
      return { ...approval, votes: [...approval.votes, change.vote] };
    case "approved":
      // A yes in the last minute must still be usable.
      return {
        ...approval,
        state: "approved",
        decidedBy: change.by,
        expiresAt: Math.max(approval.expiresAt, change.at + overrideLifetimeMs),
      };
    case "denied":
    case "cancelled":
      return { ...approval, state: change.type, decidedBy: [change.by] };
    // Nobody said no: expiry has no author.
    case "expired":
      return { ...approval, state: "expired" };
    case "redeemed":
      return { ...approval, state: "redeemed" };
  }
}

/** Whether it can still change: an approved one can, until its override is redeemed. */
const isOpen = (approval: Pick<Approval, "state">): boolean => approval.state === "pending" || approval.state === "approved";

/** Whether the present state's time is over. */
export const lapsed = (approval: Pick<Approval, "expiresAt">, now: number): boolean => now >= approval.expiresAt;

function decideVote(approval: Approval, vote: Vote): Outcome {
  if (isOwnRequest(approval.requester, vote.user)) return { changes: [], refused: "own_request" };
  if (!isOpen(approval)) return { changes: [], refused: "already_decided" };
  if (lapsed(approval, vote.at)) return { changes: [{ type: "expired", at: vote.at }], refused: "already_decided" };
  if (vote.decision === "deny") {
    return {
      changes: [
        { type: "voted", vote },
        { type: "denied", by: vote.user, at: vote.at },
      ],
    };
  }
  const already = approvers(approval.votes);
  if (already.some((user) => person(user) === person(vote.user))) return { changes: [] };
  if (approval.state === "approved") return { changes: [], refused: "already_decided" };
  const by = [...already, vote.user];
  const voted = { type: "voted", vote } as const;
  return { changes: by.length >= approval.quorum ? [voted, { type: "approved", by, at: vote.at }] : [voted] };
}

const approvers = (votes: readonly Vote[]) => votes.filter((vote) => vote.decision === "approve").map((vote) => vote.user);
