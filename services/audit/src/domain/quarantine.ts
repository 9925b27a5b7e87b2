import { sha256 } from "@aegis/canonical/digest";
import { type Alarm, type Candidate, type Coordinates, isStorable, maxEventBytes, type Received } from "./candidate.ts";
import { contentId } from "./content-id.ts";

/** The entry about a message that is no event of ours, with all of it inside or beside. It holds the message's place in its producer's sequence. */
export function quarantined(tenant: string, received: Received, reason: Alarm, detail: string, coordinates?: Coordinates): Candidate {
  return alarm({ tenant, received, reason, type: "dev.aegis.ledger.quarantined.v1", data: { detail }, coordinates });
}

/**
 * The entry about a second, different event under an identity that is taken: its id, or its place in the producer's sequence.
 * One of the two was forged or their producer is broken, so both are kept.
 */
export function equivocated(candidate: Candidate, reason: "same_id_other_body" | "sequence_reused"): Candidate {
  const { tenant, received, id, coordinates: claimed } = candidate;
  return alarm({ tenant, received, reason, type: "dev.aegis.ledger.equivocated.v1", data: { id, claimed }, coordinates: undefined });
}

interface AlarmOf {
  readonly tenant: string;
  readonly received: Received;
  readonly reason: Alarm;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly coordinates: Coordinates | undefined;
}

function alarm({ tenant, received, reason, type, data, coordinates }: AlarmOf): Candidate {
  const body = sha256(received.bytes);
  const subject = isStorable(received.subject) ? received.subject : "unprintable";
  const content = Buffer.from(received.bytes).toString("base64");
  const fits = content.length <= maxEventBytes / 2;
  const id = contentId(`${type}\n${tenant}\n${subject}\n${body}`);
  const producer = coordinates && { id: coordinates.producer, epoch: coordinates.epoch, sequence: coordinates.sequence };
  const fields = {
    specversion: "1.0",
    id,
    source: "aegis/audit/ledger",
    type,
    datacontenttype: "application/json",
    tenant,
    data: { reason, ...data, producer, digest: body, bytes: received.bytes.length, content: fits ? content : undefined },
  };
  return {
    tenant,
    kind: "quarantine",
    received: { ...received, subject },
    id,
    event: new Uint8Array(0),
    fields,
    columns: undefined,
    body,
    payload: fits ? undefined : received.bytes,
    coordinates,
    alarm: reason,
  };
}
