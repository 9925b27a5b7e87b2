import type { JsonValue } from "@aegis/canonical/ijson";

/** A value as Rego spells it: JSON, in ASCII, since Rego's reader takes not every character as it is, a byte-order mark for one. */
export const regoLiteral = (value: JsonValue): string =>
  JSON.stringify(value).replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
