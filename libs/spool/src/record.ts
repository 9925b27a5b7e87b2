import { crc32 } from "node:zlib";

/**
 * One record: `length u32 | crc32 u32 | epoch 8 bytes | sequence u64 | body`, big-endian; the length counts the body, the CRC covers
 * everything after itself. The epoch stands in every record so that a reader can find the next one behind damaged bytes.
 * In a chained segment the body begins with the chain's head before the record, 32 bytes.
 */
export const headerBytes = 24;

/** No record is larger: a length above it is damage, not data. */
const maxBodyBytes = 16 * 1024 * 1024;

const epochBytes = 8;
const nothing = new Uint8Array(0);

/** Frames a body that begins with `lead`. */
export function encodeRecord(epoch: Buffer, sequence: number, body: Uint8Array, lead: Uint8Array = nothing): Buffer {
  const length = lead.byteLength + body.byteLength;
  if (length > maxBodyBytes) throw new RangeError(`a spool record holds at most ${maxBodyBytes} bytes`);
  const record = Buffer.allocUnsafe(headerBytes + length);
  record.writeUInt32BE(length, 0);
  epoch.copy(record, 8, 0, epochBytes);
  record.writeUInt32BE(Math.floor(sequence / 2 ** 32), 16);
  record.writeUInt32BE(sequence >>> 0, 20);
  record.set(lead, headerBytes);
  record.set(body, headerBytes + lead.byteLength);
  record.writeUInt32BE(crc32(record.subarray(8)), 4);
  return record;
}

export type Decoded =
  | { readonly kind: "record"; readonly sequence: number; readonly body: Buffer; readonly end: number }
  /** More bytes are needed to tell. */
  | { readonly kind: "short" }
  | { readonly kind: "damaged" };

/** Reads the record at `offset`. `final`: no more bytes will ever follow, so a record that does not fit is damaged. */
export function decodeRecord(bytes: Buffer, offset: number, epoch: Buffer, final: boolean): Decoded {
  const more: Decoded = final ? { kind: "damaged" } : { kind: "short" };
  if (offset + headerBytes > bytes.length) return more;
  const length = bytes.readUInt32BE(offset);
  if (length > maxBodyBytes || epoch.compare(bytes, offset + 8, offset + 16) !== 0) return { kind: "damaged" };
  const end = offset + headerBytes + length;
  if (end > bytes.length) return more;
  if (crc32(bytes.subarray(offset + 8, end)) !== bytes.readUInt32BE(offset + 4)) return { kind: "damaged" };
  const sequence = bytes.readUInt32BE(offset + 16) * 2 ** 32 + bytes.readUInt32BE(offset + 20);
  return { kind: "record", sequence, body: bytes.subarray(offset + headerBytes, end), end };
}

/** The offset of the next whole record at or after `from`, or undefined: how a reader gets past damage. */
export function findRecord(bytes: Buffer, from: number, epoch: Buffer): number | undefined {
  for (let at = bytes.indexOf(epoch, from + 8); at !== -1; at = bytes.indexOf(epoch, at + 1)) {
    if (decodeRecord(bytes, at - 8, epoch, true).kind === "record") return at - 8;
  }
  return undefined;
}
