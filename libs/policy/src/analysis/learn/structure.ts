import type { JsonObject, JsonValue } from "@aegis/canonical/ijson";
import type { Bound } from "./bound.ts";
import { celMember } from "./cel-text.ts";

type BoundOf = (values: readonly JsonValue[]) => Bound;

const deepest = 3;
const mostElements = 20_000;
const mostMembers = 32;
/** Names that were seen once, when they are so many and most of all: they are data. */
const strangeNames = 10;

/** Lists: how long, and what one element is. The language bounds only that it is a list; the rest is a condition. */
export function arrayBound(values: readonly JsonValue[][], boundOf: BoundOf, depth: number): Bound {
  const longest = values.reduce((most, value) => Math.max(most, value.length), 0);
  const room = Math.max(4, longest * 2);
  const elements = values.flat().slice(0, mostElements) as JsonValue[];
  const element = elements.length === 0 || depth >= deepest ? undefined : boundOf(elements);
  const name = `e${depth}`;
  return {
    accepts: (value) =>
      Array.isArray(value) && value.length <= room && (element === undefined || value.every((one) => element.accepts(one as JsonValue))),
    members: [["type", "array"]],
    condition: (path) => {
      const inner = element?.condition(name) ?? "";
      return `size(${path}) <= ${room}${inner === "" ? "" : ` && ${path}.all(${name}, ${inner})`}`;
    },
    note: `lists of ${longest} at most${element === undefined ? "" : `, of ${element.note}`}`,
  };
}

interface Member {
  readonly name: string;
  readonly required: boolean;
  readonly bound: Bound;
}

/** Objects: which members, which of them always, and what each is; as a condition, like lists. */
export function objectBound(values: readonly JsonObject[], boundOf: BoundOf, depth: number): Bound {
  const names = Map.groupBy(
    values.flatMap((value) => Object.keys(value)),
    (name) => name,
  );
  const singles = [...names.values()].filter((of) => of.length === 1).length;
  const isMap = names.size > mostMembers || (singles > strangeNames && singles > names.size / 2) || depth >= deepest;
  if (isMap) return openObject(names.size);
  const members = [...names].map(([name, of]): Member => {
    const inner = values.filter((value) => Object.hasOwn(value, name)).map((value) => value[name] as JsonValue);
    return { name, required: of.length === values.length && values.length >= 5, bound: boundOf(inner) };
  });
  const known = new Map(members.map((member) => [member.name, member]));
  return {
    accepts: (value) =>
      isObject(value) &&
      Object.entries(value).every(([name, inner]) => known.get(name)?.bound.accepts(inner) === true) &&
      members.every(({ name, required }) => !required || Object.hasOwn(value, name)),
    members: [["type", "object"]],
    condition: (path) => conditionOf(path, members, `k${depth}`),
    note: `objects of ${members.length} members`,
  };
}

function conditionOf(path: string, members: readonly Member[], variable: string): string {
  const listed = members.map(({ name }) => JSON.stringify(name)).join(", ");
  const parts = [`${path}.all(${variable}, ${variable} in [${listed}])`];
  for (const { name, required, bound } of members) {
    const inner = bound.condition(celMember(path, name));
    const present = `${JSON.stringify(name)} in ${path}`;
    if (required) parts.push(present);
    if (inner !== "") parts.push(required ? inner : `(!(${present}) || (${inner}))`);
  }
  return parts.join(" && ");
}

const openObject = (names: number): Bound => ({
  accepts: isObject,
  members: [["type", "object"]],
  condition: () => "",
  note: `objects of ${names} different members: not bounded`,
});

const isObject = (value: JsonValue): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);
