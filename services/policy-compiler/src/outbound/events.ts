import type { policyApproved, policyPromoted, policyProposed, policyPublished, policyRolledBack } from "@aegis/contracts/control-events";
import { subject } from "@aegis/contracts/subjects";
import { outbox } from "@aegis/postgres/outbox";
import { currentTraceparent } from "@aegis/telemetry/trace";
import type { Transaction } from "kysely";
import { v7 } from "uuid";
import type { z } from "zod";
import type { Revision } from "#domain/revision.ts";
import type { Tables } from "./tables.ts";

/** Puts events into the outbox of the transaction that causes them. */
export interface EventWriter {
  /** The revision is the head now: `published`, `rolledback` when it restores an earlier one, `promoted` when it ends shadow. */
  revised(trx: Transaction<Tables>, revision: Revision): Promise<void>;
  /** It waits for a second person. */
  proposed(trx: Transaction<Tables>, revision: Revision): Promise<void>;
  /** The second person agreed. */
  approved(trx: Transaction<Tables>, revision: Revision): Promise<void>;
}

export function eventWriter(instance: string): EventWriter {
  const common = ({ tenant }: Revision, at: number) => {
    const traceparent = currentTraceparent();
    return {
      specversion: "1.0" as const,
      id: v7(),
      source: `aegis/policy-compiler/${instance}`,
      time: new Date(at).toISOString(),
      datacontenttype: "application/json" as const,
      tenant,
      ...(traceparent === undefined ? {} : { traceparent }),
    };
  };
  return {
    revised(trx, revision) {
      const { tenant, restores, promotes, approver } = revision;
      const data = { ...writtenData(revision), ...(approver === undefined ? {} : { approver }) };
      const envelope = common(revision, revision.approvedAt ?? revision.createdAt);
      if (restores !== undefined) {
        const event: z.infer<typeof policyRolledBack> = {
          ...envelope,
          type: "dev.aegis.policy.rolledback.v1",
          data: { ...data, restores },
        };
        return outbox(trx).add(subject("policyRolledBack", { tenant }), event);
      }
      if (promotes !== undefined) {
        const policies = [...promotes];
        const event: z.infer<typeof policyPromoted> = { ...envelope, type: "dev.aegis.policy.promoted.v1", data: { ...data, policies } };
        return outbox(trx).add(subject("policyPromoted", { tenant }), event);
      }
      const event: z.infer<typeof policyPublished> = { ...envelope, type: "dev.aegis.policy.published.v1", data };
      return outbox(trx).add(subject("policyPublished", { tenant }), event);
    },
    proposed(trx, revision) {
      const data = { ...writtenData(revision), follows: revision.follows ?? 0 };
      const event: z.infer<typeof policyProposed> = { ...common(revision, revision.createdAt), type: "dev.aegis.policy.proposed.v1", data };
      return outbox(trx).add(subject("policyProposed", { tenant: revision.tenant }), event);
    },
    approved(trx, revision) {
      const { tenant, approver = "", follows = 0, approvedAt = revision.createdAt } = revision;
      const data = { ...writtenData(revision), follows, approver };
      const event: z.infer<typeof policyApproved> = { ...common(revision, approvedAt), type: "dev.aegis.policy.approved.v1", data };
      return outbox(trx).add(subject("policyApproved", { tenant }), event);
    },
  };
}

const writtenData = ({ revision, version, digest, author, message }: Revision) => ({
  revision,
  version,
  snapshotDigest: digest,
  author,
  message,
});
