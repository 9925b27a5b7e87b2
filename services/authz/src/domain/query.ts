import type { JsonObject } from "@aegis/canonical/ijson";
import { AegisError } from "@aegis/contracts/errors";

/**
 * A query as arguments: every value is a text, a name that comes more than once has them all as a list.
 *
 * @throws AegisError `invalid_argument` for what two readers could decode differently.
 */
export function decodeQuery(query: string): JsonObject {
  const members: JsonObject = Object.create(null);
  for (const pair of query === "" ? [] : query.split("&")) {
    if (pair === "") continue;
    if (pair.includes(";")) throw new AegisError("invalid_argument", "the query holds a semicolon, which may separate or not: encode it");
    const at = pair.indexOf("=");
    const name = decode(at < 0 ? pair : pair.slice(0, at));
    const value = at < 0 ? "" : decode(pair.slice(at + 1));
    const known = Object.hasOwn(members, name) ? members[name] : undefined;
    members[name] = known === undefined ? value : [...[known].flat(), value];
  }
  return members;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch (cause) {
    throw new AegisError("invalid_argument", "the query is not percent-encoded UTF-8", { cause });
  }
}
