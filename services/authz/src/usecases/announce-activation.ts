import type { Producer } from "@aegis/contracts/decision-event";
import { subject } from "@aegis/contracts/subjects";
import type { Head } from "@aegis/policy/bundle";
import type { ActivatedEvent, Clock, EventLog, NewId, PolicySignals } from "./ports.ts";

export interface AnnouncePorts {
  readonly log: EventLog;
  /** This replica's name in `activated`. */
  readonly replica: string;
  readonly newId: NewId;
  readonly clock: Clock;
  readonly signals: PolicySignals;
}

/** Records that a head's policies went into force here. Never throws: they are in force whether or not this can be said. */
export type Announce = (head: Head) => Promise<void>;

export function announceActivation(ports: AnnouncePorts): Announce {
  return async (head) => {
    const now = ports.clock.now();
    const milliseconds = Math.max(0, now.getTime() - (head.issuedMs ?? head.issued * 1000));
    ports.signals.activated(head.tenant, head.version, milliseconds);
    const id = ports.newId();
    const make = (producer: Producer): ActivatedEvent => ({
      specversion: "1.0",
      id,
      source: ports.log.source,
      type: "dev.aegis.policy.activated.v1",
      time: now.toISOString(),
      datacontenttype: "application/json",
      tenant: head.tenant,
      data: {
        revision: head.revision,
        version: head.version,
        snapshotDigest: head.digest,
        replica: ports.replica,
        millisecondsSinceIssue: milliseconds,
        producer,
      },
    });
    const entry = { id, subject: subject("policyActivated", { tenant: head.tenant }), make };
    // The replica's heartbeat says it as well.
    await ports.log.append(entry, "T2").catch((error: unknown) => ports.signals.unannounced(head.tenant, error));
  };
}
