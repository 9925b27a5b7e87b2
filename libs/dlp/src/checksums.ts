import { hash } from "node:crypto";

/** The Luhn check digit (ISO/IEC 7812-1 annex B). */
export function luhn(digits: string): boolean {
  let sum = 0;
  for (let index = 0; index < digits.length; index++) {
    const digit = digits.charCodeAt(digits.length - 1 - index) - 48;
    sum += index % 2 === 0 ? digit : digit < 5 ? digit * 2 : digit * 2 - 9;
  }
  return sum % 10 === 0;
}

/** The check digit of an NHS number: modulus 11 over the weights 10 to 2. */
export function nhsCheck(digits: string): boolean {
  let sum = 0;
  for (let index = 0; index < 9; index++) sum += (10 - index) * (digits.charCodeAt(index) - 48);
  return (11 - (sum % 11)) % 11 === digits.charCodeAt(9) - 48;
}

/** The check digits of an IBAN (ISO 7064 MOD 97-10); letters in upper case. */
export function ibanCheck(iban: string): boolean {
  let rest = 0;
  for (let index = 0; index < iban.length; index++) {
    const unit = iban.charCodeAt((index + 4) % iban.length);
    rest = unit < 58 ? (rest * 10 + unit - 48) % 97 : (rest * 100 + unit - 55) % 97;
  }
  return rest === 1;
}

const base58Alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/** Version bytes of addresses: Bitcoin, Litecoin, Dogecoin, Dash (each with its scripts and test nets) and Tron. */
const addressVersions = new Set([0x00, 0x05, 0x6f, 0xc4, 0x30, 0x32, 0x3a, 0x1e, 0x16, 0x71, 0x4c, 0x10, 0x8c, 0x13, 0x41]);

/** Base58Check as most chains' addresses use it: a version byte, 20 bytes, and the first four bytes of their double SHA-256. */
export function base58Check(address: string): boolean {
  let value = 0n;
  for (const letter of address) {
    const digit = base58Alphabet.indexOf(letter);
    if (digit < 0) return false;
    value = value * 58n + BigInt(digit);
  }
  const hex = value.toString(16);
  if (hex.length > 50) return false;
  // Each leading "1" stands for one zero byte, so the length is part of the form.
  const zeros = (/^1*/.exec(address)?.[0] ?? "").length;
  if (zeros !== Math.floor((50 - hex.length) / 2)) return false;
  const bytes = Buffer.from(hex.padStart(50, "0"), "hex");
  if (!addressVersions.has(bytes[0] as number)) return false;
  const sum = hash("sha256", hash("sha256", bytes.subarray(0, 21), "buffer"), "buffer");
  return sum.subarray(0, 4).equals(bytes.subarray(21));
}

const bech32Alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const bech32Generator = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
const bech32m = 0x2bc830a3;

/** A segregated witness address: Bech32 for version 0 and Bech32m for later ones (BIP 173, BIP 350); in one case. */
export function segwitCheck(address: string): boolean {
  const split = address.lastIndexOf("1");
  const prefix = address.slice(0, split);
  const data = [...address.slice(split + 1)].map((letter) => bech32Alphabet.indexOf(letter));
  if (address.length > 90 || data.includes(-1) || data.length < 8) return false;
  const codes = [...prefix].map((letter) => letter.charCodeAt(0));
  let sum = 1;
  for (const value of [...codes.map((code) => code >>> 5), 0, ...codes.map((code) => code & 31), ...data]) {
    const top = sum >>> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ value;
    bech32Generator.forEach((generator, bit) => {
      if ((top >>> bit) & 1) sum ^= generator;
    });
  }
  const [version = 31, ...program] = data.slice(0, -6);
  const bytes = Math.floor((program.length * 5) / 8);
  const padding = program.length * 5 - bytes * 8;
  if (version > 16 || bytes < 2 || bytes > 40 || padding > 4 || ((program.at(-1) ?? 0) & ((1 << padding) - 1)) !== 0) return false;
  return version === 0 ? sum === 1 && (bytes === 20 || bytes === 32) : sum === bech32m;
}

/** Shannon entropy in bits per character: English words are near 3, random base64 of 20 characters and more is above 3.5. */
export function entropy(text: string): number {
  const counts = new Map<string, number>();
  for (const letter of text) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}
