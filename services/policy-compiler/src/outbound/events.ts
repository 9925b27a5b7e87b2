import type { policyPublished, policyRolledBack } from "@aegis/contracts/control-events";
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
  /** `published`, or `rolledback` when the revision restores an earlier one. */
  revised(trx: Transaction<Tables>, revision: Revision): Promise<void>;
}

export function eventWriter(instance: string): EventWriter {
  return {
    revised(trx, revision) {
      const { tenant, restores, version, author, message } = revision;
      const traceparent = currentTraceparent();
      const data = { revision: revision.revision, version, snapshotDigest: revision.digest, author, message };
      const common = {
        specversion: "1.0" as const,
        id: v7(),
        source: `aegis/policy-compiler/${instance}`,
        time: new Date(revision.createdAt).toISOString(),
        datacontenttype: "application/json" as const,
        tenant,
        ...(traceparent === undefined ? {} : { traceparent }),
      };
      if (restores === undefined) {
        const event: z.infer<typeof policyPublished> = { ...common, type: "dev.aegis.policy.published.v1", data };
        return outbox(trx).add(subject("policyPublished", { tenant }), event);
      }
      const event: z.infer<typeof policyRolledBack> = { ...common, type: "dev.aegis.policy.rolledback.v1", data: { ...data, restores } };
      return outbox(trx).add(subject("policyRolledBack", { tenant }), event);
    },
  };
}
