import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type DecisionEvent, decisionType } from "@aegis/contracts/decision-event";
import { subject } from "@aegis/contracts/subjects";
import { connect, headers } from "@nats-io/transport-node";
import type { recordOf } from "../../libs/policy/test/generated-traffic.ts";
import type { Fabric } from "./fabric.ts";

export type Recorded = ReturnType<typeof recordOf>;

const atOnce = 500;

/** Publishes decisions as an authz replica does: to the stream, under its login, numbered without a gap. Resolves when all are stored. */
export async function publishDecisions(
  fabric: Pick<Fabric, "dataDirectory" | "endpoints">,
  tenant: string,
  records: readonly Recorded[],
): Promise<void> {
  const pass = (await readFile(join(fabric.dataDirectory, "keys", "authz.nats-password"), "utf8")).trim();
  const nats = await connect({ servers: fabric.endpoints.nats, user: "authz", pass, inboxPrefix: "_INBOX_authz" });
  const producer = `replayed-${randomUUID().slice(0, 8)}`;
  const epoch = randomUUID();
  try {
    for (let first = 0; first < records.length; first += atOnce) {
      const events = records.slice(first, first + atOnce).map(({ time, data }, index): DecisionEvent => {
        const numbered = { id: producer, epoch, sequence: first + index + 1 };
        return {
          specversion: "1.0",
          id: data.decisionId,
          source: `aegis/authz/${producer}`,
          type: decisionType,
          time,
          datacontenttype: "application/json",
          tenant,
          data: { ...data, principal: { ...data.principal, org: tenant, tenant }, producer: numbered },
        };
      });
      await Promise.all(
        events.map((event) => {
          const { agent } = event.data.principal;
          const named = headers();
          named.set("Nats-Msg-Id", event.id);
          const to = subject("decision", { tenant, agent, decision: event.data.decision });
          return nats.request(to, JSON.stringify(event), { headers: named, timeout: 20_000 });
        }),
      );
    }
  } finally {
    await nats.close();
  }
}
