import { segmentsOf } from "@aegis/canonical/pointer";
import type { PersonalData } from "../ir.ts";
import { checked, entries, fault, itemOf, listOf, optional, type Place, type Reader, type RecordOf } from "./reader.ts";
import { brief, pointerPattern } from "./scalars.ts";
import { nearestTo } from "./suggest.ts";

/** A JSON pointer to one place: without `*`. */
const onePlace: Reader<string> = checked(pointerPattern, (place, pointer) => {
  if (!pointer.split("/").includes("*")) return;
  fault(place, "invalid_pointer", `"${brief(pointer)}" leads to several places, and a call is about one person`, "name one place");
});

/** What a tool or an action says of the person a call is about. */
export const personalMembers = {
  data_subject: optional(
    onePlace,
    "JSON pointer into the arguments to what names the person that a call is about. Records keep what is theirs under a key of their own, and `aegis audit erase` destroys it.",
  ),
  personal: optional(
    listOf(pointerPattern, { atLeast: 1, what: "JSON pointers" }),
    "JSON pointers to that person's data, besides what names them; `*` stands for any member or index, and everything below counts.",
  ),
};

type Personal = RecordOf<typeof personalMembers>;

/** What `personal` lists is somebody's. */
export const personalSchema = { dependencies: { personal: ["data_subject"] } };

/** `parameters` are the names that the tool takes, where the catalog says. */
export function checkPersonal(place: Place, read: Personal, parameters?: readonly string[]): void {
  const written = new Map(entries(place).map(({ name, value }) => [name, value]));
  const subject = written.get("data_subject");
  const personal = written.get("personal");
  if (personal !== undefined && subject === undefined)
    fault(personal, "missing_key", `${place.path} has no "data_subject"`, "say whose these are: no key could be found for them");
  if (parameters === undefined) return;
  const check = (pointer: string | undefined, at: Place | undefined) => {
    const [name = "*"] = segmentsOf(pointer ?? "");
    if (at === undefined || name === "*" || parameters.includes(name)) return;
    const near = nearestTo(name, parameters);
    fault(
      at,
      "unknown_parameter",
      `"${brief(pointer ?? "")}" leads to no parameter that is described here`,
      near === undefined ? "describe it under parameters" : `did you mean "/${near}"?`,
    );
  };
  check(read.data_subject, subject);
  for (const [index, pointer] of (read.personal ?? []).entries()) check(pointer, personal && itemOf(personal, index));
}

/** As a rule; nothing where nothing is said. */
export function lowerPersonal({ data_subject: subject, personal = [] }: Personal, rule: string): { personal?: PersonalData } {
  return subject === undefined ? {} : { personal: { rule, subject, fields: [...new Set([subject, ...personal])] } };
}
