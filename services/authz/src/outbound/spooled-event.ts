/** An event as it lies in the spool: what to publish, byte for byte, and where. */
export interface SpooledEvent {
  readonly id: string;
  readonly subject: string;
  /** The CloudEvent's JSON. */
  readonly bytes: Uint8Array;
}

/** `subject LF id LF json`: neither of the first two can hold a line feed. */
export const encodeSpooled = (event: { id: string; subject: string; json: string }): Buffer =>
  Buffer.from(`${event.subject}\n${event.id}\n${event.json}`);

/** The event's bytes within a spooled body: what the spool's chain vouches for. */
export const eventBytes = (body: Uint8Array): Uint8Array => body.subarray(body.indexOf(10, body.indexOf(10) + 1) + 1);

/** @throws RangeError when it is something else. */
export function decodeSpooled(body: Buffer): SpooledEvent {
  const first = body.indexOf(10);
  const second = body.indexOf(10, first + 1);
  if (first < 0 || second < 0) throw new RangeError("not a spooled event");
  return {
    subject: body.toString("latin1", 0, first),
    id: body.toString("latin1", first + 1, second),
    bytes: body.subarray(second + 1),
  };
}
