import { hash } from "node:crypto";

/** Bytes of a digest and of a head. */
export const digestBytes = 32;

/** The head before an epoch's first record. */
export const noHead: Buffer = Buffer.alloc(digestBytes);

/** SHA-256. */
export const digest = (bytes: Uint8Array): Buffer => hash("sha256", bytes, "buffer");

/** The chain's head after a record: SHA-256(head before ‖ digest of the record). */
export const nextHead = (previous: Uint8Array, digestOfRecord: Uint8Array): Buffer => digest(Buffer.concat([previous, digestOfRecord]));
