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

const base58Alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/** Base58Check as Bitcoin addresses use it: 21 bytes and the first four of their double SHA-256. */
export function base58Check(address: string): boolean {
  let value = 0n;
  for (const letter of address) {
    const digit = base58Alphabet.indexOf(letter);
    if (digit < 0) return false;
    value = value * 58n + BigInt(digit);
  }
  const hex = value.toString(16);
  if (hex.length > 50) return false;
  const bytes = Buffer.from(hex.padStart(50, "0"), "hex");
  const sum = hash("sha256", hash("sha256", bytes.subarray(0, 21), "buffer"), "buffer");
  return sum.subarray(0, 4).equals(bytes.subarray(21));
}

const bech32Alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const bech32Generator = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];

/** Bech32 (BIP 173) and Bech32m (BIP 350) of the prefix "bc"; lower case. */
export function bech32Check(address: string): boolean {
  // The prefix "bc" expanded as BIP 173 asks: high bits, zero, low bits.
  const values = [3, 3, 0, 2, 3, ...[...address.slice(3)].map((letter) => bech32Alphabet.indexOf(letter))];
  if (values.includes(-1)) return false;
  let sum = 1;
  for (const value of values) {
    const top = sum >>> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ value;
    bech32Generator.forEach((generator, bit) => {
      if ((top >>> bit) & 1) sum ^= generator;
    });
  }
  return sum === 1 || sum === 0x2bc830a3;
}

/** Shannon entropy in bits per character: English words are near 3, random base64 of 20 characters and more is above 3.5. */
export function entropy(text: string): number {
  const counts = new Map<string, number>();
  for (const letter of text) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}
