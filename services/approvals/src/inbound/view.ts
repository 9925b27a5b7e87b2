import { z } from "zod";
import { approvalStates } from "#domain/approval.ts";
import { outcomeOf } from "#domain/summary.ts";
import type { Found } from "#usecases/find.ts";
import type { ApprovalRecord } from "#usecases/ports.ts";

const time = z.iso.datetime();

/** An approval as clients see it. */
export const approvalView = z.object({
  id: z.uuid(),
  state: z.enum(approvalStates),
  /** The state in words, with who decided. */
  outcome: z.string(),
  tenant: z.string(),
  agent: z.string(),
  /** On whose behalf the agent acts. */
  subject: z.string(),
  tool: z.string(),
  action: z.string(),
  /** Redacted. */
  arguments: z.record(z.string(), z.unknown()),
  reasons: z.array(z.unknown()),
  actionDigest: z.string(),
  ruleDigest: z.string(),
  queue: z.string(),
  /** How many people must agree. */
  quorum: z.int(),
  votes: z.array(z.object({ user: z.string(), decision: z.enum(["approve", "deny"]), comment: z.string(), at: time })),
  /** Empty when nobody decided, as when it expired. */
  decidedBy: z.array(z.string()),
  requestedAt: time,
  expiresAt: time,
});

/** One approval in full: also how it differs from what the agent asked before. */
const detailedView = approvalView.extend({
  comparison: z.array(z.object({ pointer: z.string(), says: z.string(), unusual: z.boolean() })),
});

/** An id whose event is still on the way: nothing is known but that it waits. */
const unseenView = z.object({ id: z.uuid(), state: z.literal("pending"), votes: z.array(z.never()) });

export const foundView = z.union([approvalView, unseenView]);
export const detailedFoundView = z.union([detailedView, unseenView]);

export const viewOf = (approval: ApprovalRecord): z.infer<typeof approvalView> => ({
  id: approval.id,
  state: approval.state,
  outcome: outcomeOf(approval),
  tenant: approval.tenant,
  agent: approval.requester.agent,
  subject: approval.requester.subject,
  tool: approval.tool,
  action: approval.action,
  arguments: approval.arguments,
  reasons: [...approval.reasons],
  actionDigest: approval.actionDigest,
  ruleDigest: approval.ruleDigest,
  queue: approval.queue,
  quorum: approval.quorum,
  votes: approval.votes.map((vote) => ({ ...vote, at: new Date(vote.at).toISOString() })),
  decidedBy: [...approval.decidedBy],
  requestedAt: new Date(approval.requestedAt).toISOString(),
  expiresAt: new Date(approval.expiresAt).toISOString(),
});

export const viewOfFound = (found: Found): z.infer<typeof foundView> =>
  found.seen ? viewOf(found.approval) : { id: found.id, state: "pending", votes: [] };
