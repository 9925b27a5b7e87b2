import type { JsonObject, JsonValue } from "@aegis/canonical/ijson";
import { isMap, isSeq } from "yaml";
import { entries, listOf, type Place, type Reader, reader, wrongType } from "./reader.ts";
import { scalarValue } from "./scalars.ts";

/** Any value that JSON can hold and every engine keeps as it is. */
const value: Reader<{ readonly value: JsonValue }> = reader({}, (place) => {
  if (isMap(place.node)) return { value: membersOf(place) };
  if (isSeq(place.node)) return { value: (items(place) ?? []).map((item) => item.value) };
  return scalarValue(place);
});

const items = listOf(
  reader({}, (place) => value(place)),
  { repeats: true },
);

/** A map of any values. */
export const jsonObject: Reader<JsonObject> = reader({ type: "object" }, (place) =>
  isMap(place.node) ? membersOf(place) : wrongType(place, "a map"),
);

/** Without a prototype, so that a member named `__proto__` is only a member. */
function membersOf(place: Place): JsonObject {
  const object = Object.create(null) as JsonObject;
  for (const { name, value: member } of entries(place)) {
    const read = value(member);
    if (read !== undefined) object[name] = read.value;
  }
  return object;
}
