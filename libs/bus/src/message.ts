import { AegisError } from "@aegis/contracts/errors";
import type { JsMsg } from "@nats-io/jetstream";
import type { Arrival } from "./arrival.ts";

/** One delivery of a stored message. */
export interface BusMessage {
  readonly subject: string;
  /** Exactly what was published. */
  readonly bytes: Uint8Array;
  /** The bytes as JSON; throws `invalid_argument` when they are none. */
  json(): unknown;
  /** `Nats-Msg-Id`: the event's id. */
  readonly id: string | undefined;
  /** 1 for the first delivery. */
  readonly deliveries: number;
  readonly streamSequence: number;
  /** The server has it when it resolves; throws `unavailable` when nobody can tell. An acknowledgement that is lost makes the message come again. */
  ack(): Promise<void>;
  /** As `ack`, without waiting for the server's word: for who is harmed by no repeat. */
  acknowledge(): void;
  /** Asks for this message again after so many milliseconds. A message already answered stays as it was. */
  nak(delayMs: number): void;
  /** Never deliver this message again. */
  term(): void;
}

export function busMessage(message: JsMsg, arrival: Arrival): BusMessage {
  return {
    subject: message.subject,
    bytes: message.data,
    // Read on demand: reading a message's headers costs as much as reading the rest of it.
    get id() {
      return message.headers?.get("Nats-Msg-Id") || undefined;
    },
    deliveries: message.info.deliveryCount,
    streamSequence: message.seq,
    json() {
      try {
        return JSON.parse(Buffer.from(message.data.buffer, message.data.byteOffset, message.data.byteLength).toString("utf8"));
      } catch (error) {
        throw new AegisError("invalid_argument", "the message is not JSON", { cause: error });
      }
    },
    ack() {
      message.ack();
      return arrival.confirmed();
    },
    acknowledge: () => message.ack(),
    nak: (delayMs) => message.nak(delayMs),
    term: () => message.term(),
  };
}
