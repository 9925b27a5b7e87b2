import type { JsonValue } from "@aegis/canonical/ijson";
import { escapeSegment, segmentsOf } from "@aegis/canonical/pointer";
import type { PersonalData, PolicySet } from "../ir.ts";

/** Whose data a call of one action of one tool holds, and where; `undefined`: nobody's that the catalog knows of. */
export type PersonalLookup = (tool: string, action: string) => PersonalPlaces | undefined;

export interface PersonalPlaces {
  /** What names the person that these arguments are about; undefined where nothing usable does. */
  subjectOf(args: JsonValue): string | undefined;
  /** Pointers to what is personal in these arguments, each once and none below another. */
  in(args: JsonValue): string[];
}

/** The longest text that names a data subject. */
const longestSubject = 512;

/** Indexes what a tenant's catalog declares as personal. */
export function preparePersonal({ catalog = [] }: PolicySet): PersonalLookup {
  const tools = new Map<
    string,
    { readonly actions: ReadonlyMap<string, PersonalPlaces | undefined>; readonly otherwise: PersonalPlaces }
  >();
  for (const { name, personal, actions } of catalog) {
    if (personal === undefined && !actions.some((action) => action.personal)) continue;
    const own = personal && placesOf(personal);
    const described = actions.map((action) => [action.name, action.personal ? placesOf(action.personal) : own] as const);
    tools.set(name, { actions: new Map(described), otherwise: own ?? everything });
  }
  if (tools.size === 0) return () => undefined;
  return (name, action) => {
    const tool = tools.get(name);
    return tool && (tool.actions.has(action) ? tool.actions.get(action) : tool.otherwise);
  };
}

/** Of an action that nobody described, of a tool that holds personal data: it may all be somebody's, and nobody says whose. */
const everything: PersonalPlaces = {
  subjectOf: () => undefined,
  in: (args) => find(args, ["*"]).map(({ pointer }) => pointer),
};

function placesOf({ subject, fields }: PersonalData): PersonalPlaces {
  const wanted = fields.map(segmentsOf).sort((a, b) => a.length - b.length);
  return {
    subjectOf(args) {
      const [value] = find(args, segmentsOf(subject)).map((found) => found.value);
      const text = typeof value === "number" ? String(value) : value;
      return typeof text === "string" && text !== "" && text.length <= longestSubject ? text : undefined;
    },
    in(args) {
      const found: string[] = [];
      for (const segments of wanted) {
        for (const { pointer } of find(args, segments)) {
          if (!found.some((above) => pointer === above || pointer.startsWith(`${above}/`))) found.push(pointer);
        }
      }
      return found;
    },
  };
}

interface Found {
  readonly pointer: string;
  readonly value: JsonValue;
}

function find(value: JsonValue, segments: readonly string[]): Found[] {
  let found: Found[] = [{ pointer: "", value }];
  for (const segment of segments) found = found.flatMap((one) => below(one, segment));
  return found;
}

function below({ pointer, value }: Found, segment: string): Found[] {
  if (typeof value !== "object" || value === null) return [];
  const names = segment === "*" ? Object.keys(value) : Object.hasOwn(value, segment) && named(value, segment) ? [segment] : [];
  return names.map((name) => ({
    pointer: `${pointer}/${escapeSegment(name)}`,
    value: (value as Readonly<Record<string, JsonValue>>)[name] as JsonValue,
  }));
}

/** An array has members that are no items. */
const named = (value: object, segment: string): boolean => !Array.isArray(value) || /^(?:0|[1-9]\d*)$/.test(segment);
