import type {
  approvalGranted,
  approvalGrantRevoked,
  approvalGrantUsed,
  approvalRequested,
  approvalVoted,
} from "@aegis/contracts/control-events";
import { type SubjectName, subject } from "@aegis/contracts/subjects";
import { outbox } from "@aegis/postgres/outbox";
import { currentTraceparent } from "@aegis/telemetry/trace";
import type { Transaction } from "kysely";
import { v7 } from "uuid";
import type { z } from "zod";
import type { Change } from "#domain/approval.ts";
import type { Grant } from "#domain/grant.ts";
import type { GrantUse } from "#usecases/grant-ports.ts";
import type { ApprovalRecord } from "#usecases/ports.ts";
import type { Tables } from "./tables.ts";

type Identity = Pick<ApprovalRecord, "id" | "tenant" | "tool" | "action" | "actionDigest" | "ruleDigest"> & {
  readonly requester: { readonly agent: string };
};

/** Puts events into the outbox of the transaction that causes them. */
export interface EventWriter {
  requested(
    trx: Transaction<Tables>,
    approval: Identity & { readonly queue: string; readonly quorum: number; readonly expiresAt: number; readonly requestedAt: number },
  ): Promise<void>;
  changed(trx: Transaction<Tables>, approval: Identity, change: Change): Promise<void>;
  /** A grant has all the backers it needs. */
  granted(trx: Transaction<Tables>, grant: Grant, at: number): Promise<void>;
  grantUsed(
    trx: Transaction<Tables>,
    grant: Grant,
    use: Pick<GrantUse, "decisionId" | "instance" | "actionDigest">,
    at: number,
  ): Promise<void>;
  grantRevoked(trx: Transaction<Tables>, grant: Grant, by: string, at: number): Promise<void>;
}

export function eventWriter(instance: string): EventWriter {
  const tell = (trx: Transaction<Tables>, name: SubjectName, verb: string, tenant: string, at: number, data: object) => {
    const traceparent = currentTraceparent();
    return outbox(trx).add(subject(name, { tenant }), {
      specversion: "1.0",
      id: v7(),
      source: `aegis/approvals/${instance}`,
      type: `dev.aegis.approval.${verb}.v1`,
      time: new Date(at).toISOString(),
      datacontenttype: "application/json",
      tenant,
      ...(traceparent === undefined ? {} : { traceparent }),
      data,
    } as { id: string });
  };
  const add = (trx: Transaction<Tables>, name: SubjectName, verb: string, approval: Identity, at: number, data: object) =>
    tell(trx, name, verb, approval.tenant, at, { ...identity(approval), ...data });
  const ofGrant = ({ id: grantId, approvalId, agent, tool, action, ruleDigest }: Grant) => ({
    ...{ grantId, approvalId, agent, tool, action, ruleDigest },
  });
  return {
    requested(trx, approval) {
      const { queue, quorum } = approval;
      const data = { queue, quorum, expiresAt: new Date(approval.expiresAt).toISOString() } satisfies Partial<
        Data<typeof approvalRequested>
      >;
      return add(trx, "approvalRequested", "requested", approval, approval.requestedAt, data);
    },
    changed(trx, approval, change) {
      switch (change.type) {
        case "voted": {
          const { user: voter, decision: vote, comment, at } = change.vote;
          return add(trx, "approvalVoted", "voted", approval, at, { voter, vote, comment } satisfies Partial<Data<typeof approvalVoted>>);
        }
        case "approved":
          return add(trx, "approvalApproved", "approved", approval, change.at, { by: change.by });
        case "denied":
          return add(trx, "approvalDenied", "denied", approval, change.at, { by: change.by });
        case "cancelled":
          return add(trx, "approvalCancelled", "cancelled", approval, change.at, { by: change.by });
        case "expired":
          return add(trx, "approvalExpired", "expired", approval, change.at, {});
        case "redeemed":
          return add(trx, "approvalRedeemed", "redeemed", approval, change.at, { decisionId: change.decisionId });
      }
    },
    granted(trx, grant, at) {
      const { backers: by, subject: forWhom = null, bounds, maxUses, comment } = grant;
      const terms = { by: [...by], subject: forWhom, bounds, maxUses, expiresAt: new Date(grant.expiresAt).toISOString(), comment };
      const data = { ...ofGrant(grant), ...terms } satisfies Data<typeof approvalGranted>;
      return tell(trx, "approvalGranted", "granted", grant.tenant, at, data);
    },
    grantUsed(trx, grant, use, at) {
      const data = { ...ofGrant(grant), ...use } satisfies Data<typeof approvalGrantUsed>;
      return tell(trx, "approvalGrantUsed", "grant_used", grant.tenant, at, data);
    },
    grantRevoked(trx, grant, by, at) {
      const data = { ...ofGrant(grant), by } satisfies Data<typeof approvalGrantRevoked>;
      return tell(trx, "approvalGrantRevoked", "grant_revoked", grant.tenant, at, data);
    },
  };
}

type Data<S extends z.ZodType<{ data: object }>> = z.infer<S>["data"];

const identity = (approval: Identity) => ({
  approvalId: approval.id,
  agent: approval.requester.agent,
  tool: approval.tool,
  action: approval.action,
  actionDigest: approval.actionDigest,
  ruleDigest: approval.ruleDigest,
});
