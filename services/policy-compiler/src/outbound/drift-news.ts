import type { policyDrifted } from "@aegis/contracts/control-events";
import { subject } from "@aegis/contracts/subjects";
import type { Database } from "@aegis/postgres/connect";
import { outbox } from "@aegis/postgres/outbox";
import { inTenant } from "@aegis/postgres/tenant";
import { currentTraceparent } from "@aegis/telemetry/trace";
import { v7 } from "uuid";
import type { z } from "zod";
import type { DriftNews } from "#usecases/analysis-ports.ts";
import type { Clock } from "#usecases/ports.ts";
import type { Tables } from "./tables.ts";

/** Puts `drifted` events into the outbox. */
export function driftNews(db: Database<Tables>, instance: string, clock: Clock): DriftNews {
  return {
    drifted: (tenant, data) =>
      inTenant(db, tenant, async (trx) => {
        const traceparent = currentTraceparent();
        const event: z.infer<typeof policyDrifted> = {
          specversion: "1.0",
          id: v7(),
          source: `aegis/policy-compiler/${instance}`,
          type: "dev.aegis.policy.drifted.v1",
          time: clock.now().toISOString(),
          datacontenttype: "application/json",
          tenant,
          ...(traceparent === undefined ? {} : { traceparent }),
          data,
        };
        await outbox(trx).add(subject("policyDrifted", { tenant }), event);
      }),
  };
}
