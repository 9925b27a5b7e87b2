import { AegisError } from "@aegis/contracts/errors";
import { type StreamName, streams } from "@aegis/contracts/subjects";
import type { Bus } from "./connect.ts";
import { busError } from "./errors.ts";

/**
 * Publishes one event to JetStream and resolves once the stream has stored it.
 * `Nats-Msg-Id` is the event's id, so a repeat within the stream's duplicate window is stored once (`duplicate: true`).
 * `bytes` are sent as they are; without them the event is serialised as JSON. Not retried here: `unavailable` and
 * `deadline_exceeded` mean that it may or may not be stored, and the caller sends the same event again.
 */
export async function publishEvent(
  bus: Bus,
  subject: string,
  event: { readonly id: string },
  bytes?: Uint8Array,
  options: { timeoutMs?: number } = {},
): Promise<{ duplicate: boolean; sequence: number }> {
  const stream = streamOf(subject);
  if (!bus.connected()) throw new AegisError("unavailable", "NATS is not connected");
  try {
    const ack = await bus.jetstream.publish(subject, bytes ?? JSON.stringify(event), {
      msgID: event.id,
      timeout: options.timeoutMs ?? 5_000,
      retries: 0,
      expect: { streamName: stream },
    });
    return { duplicate: ack.duplicate, sequence: ack.seq };
  } catch (error) {
    throw busError(error);
  }
}

/** The stream that captures a subject; a subject no stream captures would be lost, so it is refused. */
export function streamOf(subject: string): StreamName {
  for (const name of names) if (captures(name, subject)) return name;
  throw new AegisError("invalid_argument", `no stream captures the subject ${subject}`);
}

const names = Object.keys(streams) as StreamName[];

/** What subjects of a stream begin with. */
const prefixes = Object.fromEntries(names.map((name) => [name, streams[name].map((pattern) => pattern.slice(0, -1))]));

/** Whether messages of this subject belong into the stream. */
export function captures(stream: StreamName, subject: string): boolean {
  for (const prefix of prefixes[stream] ?? []) if (subject.startsWith(prefix)) return true;
  return false;
}
