import type { JsonValue } from "@aegis/canonical/ijson";
import type { Members } from "./reader.ts";

/** A JSON Schema of draft-07: the draft that editors' YAML support reads best. */
export type Schema = { readonly [keyword: string]: JsonValue | Schema | readonly (JsonValue | Schema)[] };

/** A map with just these members, each with its description. */
export function objectSchema(members: Members): Schema {
  const required = Object.entries(members).flatMap(([name, { presence }]) => (presence === "required" ? [name] : []));
  return {
    type: "object",
    properties: Object.fromEntries(
      Object.entries(members).map(([name, { read, about }]) => [name, { description: about, ...read.schema }]),
    ),
    ...(required.length > 0 && { required }),
    additionalProperties: false,
  };
}
