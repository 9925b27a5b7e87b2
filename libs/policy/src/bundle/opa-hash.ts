import { hash } from "node:crypto";

/**
 * SHA-256 of a JSON file as OPA computes it when it verifies a bundle: members sorted by the bytes of their names, numbers as they
 * are spelled, strings as Go's encoder writes them without HTML escaping (v1/bundle/hash.go).
 */
export function hashStructured(value: unknown): string {
  return hash("sha256", encode(value), "hex");
}

function encode(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(encode).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    members.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    return `{${members.map(([name, member]) => `${quote(name)}:${encode(member)}`).join(",")}}`;
  }
  return typeof value === "string" ? quote(value) : JSON.stringify(value);
}

/** Go escapes the two line separators and, of the control characters, spells \\b and \\f as JSON.stringify does since Go 1.22. */
function quote(text: string): string {
  return JSON.stringify(text).replace(/[\u2028\u2029]/g, (separator) => `\\u${separator.charCodeAt(0).toString(16)}`);
}
