import { sha256 } from "@aegis/canonical/digest";

/** A UUID (version 8, RFC 9562) that follows from the content, so that a redelivery has the same. */
export function contentId(content: string): string {
  const hex = sha256(content).slice("sha256:".length);
  const variant = ((Number.parseInt(hex[16] as string, 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
