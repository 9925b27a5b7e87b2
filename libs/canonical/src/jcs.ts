import { AegisError } from "@aegis/contracts/errors";

/**
 * The one spelling of a JSON value: RFC 8785 (JSON Canonicalization Scheme). Members are sorted by UTF-16 code units, numbers and
 * strings are written as ECMAScript writes them, and there is no space. A member whose value is `undefined` is absent.
 *
 * @throws AegisError `invalid_argument` for what is not I-JSON: NaN, Infinity, unpaired surrogates, anything but plain data.
 */
export function canonicalize(value: unknown): string {
  switch (typeof value) {
    case "string":
      return quote(value);
    case "number":
      if (!Number.isFinite(value)) throw new AegisError("invalid_argument", "a number that is not finite has no canonical form");
      return String(value === 0 ? 0 : value);
    case "boolean":
      return value ? "true" : "false";
    case "object":
      if (value === null) return "null";
      return Array.isArray(value) ? `[${value.map(canonicalize).join(",")}]` : canonicalObject(value);
    default:
      throw new AegisError("invalid_argument", `a ${typeof value} has no canonical form`);
  }
}

function canonicalObject(object: object): string {
  const prototype = Object.getPrototypeOf(object);
  if (prototype !== null && prototype !== Object.prototype)
    throw new AegisError("invalid_argument", "only plain objects have a canonical form");
  const members = object as Readonly<Record<string, unknown>>;
  let text = "{";
  for (const name of sortedKeys(members)) {
    const member = members[name];
    if (member === undefined) continue;
    if (text.length > 1) text += ",";
    text += `${quote(name)}:${canonicalize(member)}`;
  }
  return `${text}}`;
}

/** Strings compare by UTF-16 code units, and sort() without an order does too, as RFC 8785 §3.2.3 asks. */
function sortedKeys(members: object): string[] {
  const names = Object.keys(members);
  for (let index = 1; index < names.length; index++) if ((names[index - 1] as string) > (names[index] as string)) return names.sort();
  return names;
}

function quote(text: string): string {
  if (!text.isWellFormed()) throw new AegisError("invalid_argument", "a string with an unpaired surrogate has no canonical form");
  return JSON.stringify(text);
}
