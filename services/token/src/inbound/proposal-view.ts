import { z } from "zod";
import { guardedActions, type Proposal } from "#domain/proposal.ts";

/** A proposal as the API shows it. */
export const proposalView = z.object({
  id: z.string(),
  tenant: z.string(),
  action: z.enum(guardedActions),
  /** What is to be done. */
  change: z.record(z.string(), z.unknown()),
  by: z.string(),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  approver: z.string().optional(),
});

/** A 202 that waits for somebody else. */
export const proposedView = z.object({ proposed: proposalView });

export const viewOfProposal = ({ change, createdAt, expiresAt, ...rest }: Proposal): z.infer<typeof proposalView> => ({
  ...rest,
  tenant: change.tenant,
  action: change.action,
  change: { ...change },
  createdAt: new Date(createdAt).toISOString(),
  expiresAt: new Date(expiresAt).toISOString(),
});
