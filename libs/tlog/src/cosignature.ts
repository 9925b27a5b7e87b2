import { createHash, verify } from "node:crypto";
import { keyObject, type VerifierKey } from "./note.ts";
import type { LedgerFault } from "./verify-ledger.ts";

/** Signature type 0x04: a timestamped Ed25519 cosignature over a checkpoint (C2SP tlog-cosignature). */
const cosignatureType = 0x04;

const timestampBytes = 8;
const signatureBytes = 64;

/** Reads a witness' `vkey`, `<name>+<key hash>+<base64 of 0x04 ‖ public key>`. Throws RangeError when it is none. */
export function parseWitnessKey(vkey: string): VerifierKey {
  const [, name, keyHash, encoded] = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(vkey) ?? [];
  const bytes = Buffer.from(encoded ?? "", "base64");
  if (name === undefined || keyHash === undefined || bytes.length !== 33 || bytes[0] !== cosignatureType)
    throw new RangeError("not a witness' verifier key");
  const publicKey = bytes.subarray(1);
  if (witnessKeyHash(name, publicKey) !== keyHash) throw new RangeError(`the key hash of ${name} does not belong to its key`);
  return { name, keyHash, publicKey };
}

/** First four bytes of SHA-256(name ‖ 0x0A ‖ 0x04 ‖ public key), hex. */
export function witnessKeyHash(name: string, publicKey: Uint8Array): string {
  const digest = createHash("sha256").update(`${name}\n`).update(Uint8Array.of(cosignatureType)).update(publicKey).digest("hex");
  return digest.slice(0, 8);
}

/** What a witness signs: the checkpoint's text, and when it saw it, in seconds since 1970. */
export function cosignedText(text: string, seconds: number): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`);
}

/**
 * When a witness says it saw a checkpoint, by a signature line `— <name> <base64>` of its own; undefined when the line is not its
 * signature over this checkpoint. `note` is the log's signed note.
 */
export function cosignedAt(note: string, line: string, witness: VerifierKey): Date | undefined {
  const [, name, encoded] = /^— ([^ ]+) ([A-Za-z0-9+/=]+)$/.exec(line) ?? [];
  const blob = Buffer.from(encoded ?? "", "base64");
  if (name !== witness.name || blob.length !== 4 + timestampBytes + signatureBytes || blob.toString("base64") !== encoded) return undefined;
  if (blob.subarray(0, 4).toString("hex") !== witness.keyHash) return undefined;
  const seconds = blob.readBigUInt64BE(4);
  if (seconds > BigInt(8.64e12)) return undefined;
  const text = note.slice(0, note.lastIndexOf("\n\n") + 1);
  const signature = blob.subarray(4 + timestampBytes);
  const valid = verify(null, cosignedText(text, Number(seconds)), keyObject(witness), signature);
  return valid ? new Date(Number(seconds) * 1000) : undefined;
}

/** The body of `add-checkpoint` (C2SP tlog-witness): what the witness saw last, the proof from there, the checkpoint. */
export function addCheckpointBody(old: number, proof: readonly Uint8Array[], note: string): string {
  const path = proof.map((hash) => `${Buffer.from(hash).toString("base64")}\n`).join("");
  return `old ${old}\n${path}\n${note}`;
}

/** What is kept as a witness' signature over a checkpoint. */
export interface StoredCosignature {
  readonly tenant: string;
  readonly size: number;
  readonly witness: string;
  readonly line: string;
}

/** Reports whatever is kept of these witnesses and is not their signature over a checkpoint of that size and tenant. */
export function cosignatureFaults(
  stored: readonly StoredCosignature[],
  notes: readonly { readonly tenant: string; readonly note: string }[],
  witnesses: readonly VerifierKey[],
): LedgerFault[] {
  return stored.flatMap(({ tenant, size, witness, line }): LedgerFault[] => {
    const key = witnesses.find(({ name }) => name === witness || line.startsWith(`— ${name} `));
    if (key === undefined) return [];
    const of = notes.filter((each) => each.tenant === tenant && each.note.split("\n")[1] === String(size));
    if (key.name === witness && of.some(({ note }) => cosignedAt(note, line, key) !== undefined)) return [];
    const detail = `it is not ${key.name}'s signature over the checkpoint of size ${size}`;
    return [{ tenant, sequence: Math.max(0, size - 1), kind: "cosignature", detail }];
  });
}
