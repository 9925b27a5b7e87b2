import { createHash } from "node:crypto";
import { lookup } from "node:dns/promises";
import type { Bus } from "@aegis/bus/connect";
import { openPipeline } from "@aegis/bus/pipeline";
import { siemSubject } from "@aegis/contracts/subjects";
import { isInternal, mayBeInternal, type OutwardOptions } from "@aegis/http/outward";
import { jetstream } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { asLine } from "#domain/export/formats.ts";
import { ocsfClassOf } from "#domain/export/ocsf-classes.ts";
import type { ExportRecord } from "#domain/export/record.ts";
import { allTaken, noneTaken, type Settled } from "#domain/sink.ts";
import type { Carrier } from "#usecases/export-ports.ts";
import type { CarrierTools } from "./splunk.ts";

const timeoutMs = 10_000;

/** Our own stream SIEM, `aegis.siem.ocsf.<tenant>.<class>`. A record that is sent again within five minutes is stored once. */
export function streamCarrier(bus: Bus): Carrier & Disposable {
  const pipeline = openPipeline(bus, { timeoutMs });
  const carry: Carrier = async ({ tenant, format, records }) => {
    const outcomes = await Promise.allSettled(
      records.map((record) =>
        pipeline.publish(siemSubject(tenant, ocsfClassOf(record)), messageId(record), Buffer.from(asLine(format, record))),
      ),
    );
    return settledBy(outcomes);
  };
  return Object.assign(carry, { [Symbol.dispose]: () => pipeline[Symbol.dispose]() });
}

/** JetStream on somebody else's server: each record is acknowledged by it before it counts. */
export function natsCarrier({ secret, allowInternal }: Pick<CarrierTools, "secret"> & Pick<OutwardOptions, "allowInternal">): Carrier {
  return async ({ tenant, target, format, records }) => {
    if (target.kind !== "nats") return noneTaken("the sink is of another kind");
    const { hostname, host } = new URL(target.url);
    if (!mayBeInternal(hostname, allowInternal)) {
      const found = await lookup(hostname, { all: true });
      if (found.length === 0 || found.some(({ address }) => isInternal(address))) return noneTaken("the host has internal addresses");
    }
    const pass = target.password === undefined ? undefined : await secret(tenant, target.password);
    const connection = await connect({
      servers: [host],
      name: "aegis-audit",
      reconnect: false,
      timeout: timeoutMs,
      // A server names others of its cluster, which nobody has checked.
      ignoreClusterUpdates: true,
      ...(new URL(target.url).protocol === "tls:" ? { tls: {} } : {}),
      ...(target.user === undefined ? {} : { user: target.user }),
      ...(pass === undefined ? {} : { pass }),
    });
    try {
      const stream = jetstream(connection, { timeout: timeoutMs });
      const subject = `${target.subject}.${tenant}`;
      return settledBy(
        await Promise.allSettled(
          records.map((record) => stream.publish(subject, asLine(format, record), { msgID: messageId(record), retries: 0 })),
        ),
      );
    } finally {
      await connection.close();
    }
  };
}

/** Everything up to the first that was not stored. */
function settledBy(outcomes: readonly PromiseSettledResult<unknown>[]): Settled {
  const failed = outcomes.findIndex(({ status }) => status === "rejected");
  if (failed < 0) return allTaken(outcomes.length);
  const { reason } = outcomes[failed] as PromiseRejectedResult;
  return { settled: failed, rejected: [], failure: `NATS: ${reason instanceof Error ? reason.message : "refused"}`.slice(0, 300) };
}

/** Not the event's own id: that is taken on the same server by the event itself. */
const messageId = ({ tenant, sequence }: ExportRecord): string =>
  createHash("sha256").update(`siem\n${tenant}\n${sequence}`).digest("base64url");
