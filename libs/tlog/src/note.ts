import { createHash, createPublicKey, type KeyObject, sign, verify } from "node:crypto";

/** Signature type 0x01: Ed25519 over the note's text (C2SP signed-note). */
const ed25519 = 0x01;

/** A key that checks signatures, as its `vkey` says it. */
export interface VerifierKey {
  readonly name: string;
  /** First four bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key), hex. */
  readonly keyHash: string;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** A key that signs. */
export interface SignerKey {
  readonly name: string;
  /** A private Ed25519 key. */
  readonly privateKey: KeyObject;
}

export type OpenedNote =
  | { readonly ok: true; readonly text: string /** The known keys that signed. */; readonly by: readonly VerifierKey[] }
  | { readonly ok: false; readonly why: "malformed" | "unsigned" | "forged" };

/** The verifier key of this name for a raw 32-byte Ed25519 public key. Throws RangeError on a name the format cannot hold. */
export function verifierKey(name: string, publicKey: Uint8Array): VerifierKey {
  if (!isKeyName(name)) throw new RangeError(`not a key name: ${JSON.stringify(name)}`);
  if (publicKey.length !== 32) throw new RangeError("an Ed25519 public key has 32 bytes");
  const keyHash = createHash("sha256").update(`${name}\n`).update(Uint8Array.of(ed25519)).update(publicKey).digest("hex").slice(0, 8);
  return { name, keyHash, publicKey };
}

/** `<name>+<key hash>+<base64 of 0x01 ‖ public key>`. */
export function formatVerifierKey(key: VerifierKey): string {
  return `${key.name}+${key.keyHash}+${Buffer.concat([Uint8Array.of(ed25519), key.publicKey]).toString("base64")}`;
}

/** Reads a `vkey`. Throws RangeError when it is malformed, of another signature type, or its key hash is not its own. */
export function parseVerifierKey(vkey: string): VerifierKey {
  const [, name, keyHash, encoded] = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(vkey) ?? [];
  const bytes = encoded === undefined ? undefined : base64(encoded);
  if (name === undefined || bytes?.length !== 33 || bytes[0] !== ed25519) throw new RangeError("not an Ed25519 verifier key");
  const key = verifierKey(name, bytes.subarray(1));
  if (key.keyHash !== keyHash) throw new RangeError(`the key hash of ${name} does not belong to its key`);
  return key;
}

/** The verifier key that belongs to a signer's. */
export function verifierOf(signer: SignerKey): VerifierKey {
  return verifierKey(signer.name, rawPublicKey(signer.privateKey));
}

/** The 32 bytes of the public half of an Ed25519 key. Throws RangeError on any other kind of key. */
export function rawPublicKey(key: KeyObject): Uint8Array {
  const { crv, x } = (key.type === "private" ? createPublicKey(key) : key).export({ format: "jwk" });
  if (crv !== "Ed25519" || x === undefined) throw new RangeError("not an Ed25519 key");
  return Buffer.from(x, "base64url");
}

/** Signs a text, which must end in a newline: the note is the text, an empty line and one signature line. */
export function signNote(text: string, signer: SignerKey): string {
  if (!isText(text)) throw new RangeError("a note's text is lines without control characters");
  const signature = sign(null, Buffer.from(text, "utf8"), signer.privateKey);
  const blob = Buffer.concat([Buffer.from(verifierOf(signer).keyHash, "hex"), signature]);
  return `${text}\n— ${signer.name} ${blob.toString("base64")}\n`;
}

/**
 * Checks a note. Signatures by unknown keys are passed over; a false signature under a known key spoils the note, and at
 * least one known key must have signed (C2SP signed-note).
 */
export function openNote(note: string, keys: readonly VerifierKey[]): OpenedNote {
  const split = note.lastIndexOf("\n\n");
  if (split < 0 || !note.endsWith("\n")) return { ok: false, why: "malformed" };
  const text = note.slice(0, split + 1);
  const lines = note.slice(split + 2, -1).split("\n");
  if (!isText(text) || lines.length > 100) return { ok: false, why: "malformed" };
  const by: VerifierKey[] = [];
  for (const line of lines) {
    const [, name, encoded] = /^— ([^ ]+) ([A-Za-z0-9+/=]+)$/.exec(line) ?? [];
    const blob = encoded === undefined ? undefined : base64(encoded);
    if (name === undefined || !isKeyName(name) || blob === undefined || blob.length < 5) return { ok: false, why: "malformed" };
    const keyHash = blob.subarray(0, 4).toString("hex");
    const key = keys.find((each) => each.name === name && each.keyHash === keyHash);
    if (key === undefined || by.includes(key)) continue;
    if (!verify(null, Buffer.from(text, "utf8"), keyObject(key), blob.subarray(4))) return { ok: false, why: "forged" };
    by.push(key);
  }
  return by.length === 0 ? { ok: false, why: "unsigned" } : { ok: true, text, by };
}

const keyObjects = new WeakMap<VerifierKey, KeyObject>();

/** The public key, for node:crypto. */
export function keyObject(key: VerifierKey): KeyObject {
  const known = keyObjects.get(key);
  if (known !== undefined) return known;
  const jwk = { kty: "OKP", crv: "Ed25519", x: Buffer.from(key.publicKey).toString("base64url") };
  const made = createPublicKey({ key: jwk, format: "jwk" });
  keyObjects.set(key, made);
  return made;
}

function base64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}

const isKeyName = (name: string): boolean => name !== "" && !/[\s+]/u.test(name) && name.isWellFormed() && !hasControl(name);
const isText = (text: string): boolean => text.endsWith("\n") && text.isWellFormed() && !hasControl(text.replaceAll("\n", ""));

function hasControl(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) if (text.charCodeAt(at) < 0x20) return true;
  return false;
}
