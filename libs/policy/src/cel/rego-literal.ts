import type { JsonValue } from "@aegis/canonical/ijson";
import { spell } from "./number-spelling.ts";

/**
 * A value as Rego spells it: JSON, in ASCII, since Rego's reader takes not every character as it is, a byte-order mark for one; numbers as
 * OPA can compare them.
 */
export function regoLiteral(value: JsonValue): string {
  if (typeof value === "number") return spell(value);
  if (Array.isArray(value)) return `[${value.map(regoLiteral).join(", ")}]`;
  return JSON.stringify(value).replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
