import type { approvalRequested, approvalVoted } from "@aegis/contracts/control-events";
import { type SubjectName, subject } from "@aegis/contracts/subjects";
import { outbox } from "@aegis/postgres/outbox";
import { currentTraceparent } from "@aegis/telemetry/trace";
import type { Transaction } from "kysely";
import { v7 } from "uuid";
import type { z } from "zod";
import type { Change } from "#domain/approval.ts";
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
}

export function eventWriter(instance: string): EventWriter {
  const add = (trx: Transaction<Tables>, name: SubjectName, verb: string, approval: Identity, at: number, data: object) => {
    const traceparent = currentTraceparent();
    return outbox(trx).add(subject(name, { tenant: approval.tenant }), {
      specversion: "1.0",
      id: v7(),
      source: `aegis/approvals/${instance}`,
      type: `dev.aegis.approval.${verb}.v1`,
      time: new Date(at).toISOString(),
      datacontenttype: "application/json",
      tenant: approval.tenant,
      ...(traceparent === undefined ? {} : { traceparent }),
      data: { ...identity(approval), ...data },
    } as { id: string });
  };
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
