import type { JsonObject, JsonValue } from "@aegis/canonical/ijson";
import { segmentsOf } from "@aegis/canonical/pointer";
import { type DecisionData, personalDetector } from "@aegis/contracts/decision-event";
import type { Reason } from "@aegis/contracts/reasons";
import type { PersonalPlaces } from "@aegis/policy/snapshot";

type Recorded = Omit<DecisionData, "producer">;

/** A decision's data without what is somebody's own, and what that was. */
export interface Withheld {
  readonly data: Recorded;
  /** JSON pointers into `data`, and the values that stood there. */
  readonly fields: readonly string[];
  readonly values: readonly unknown[];
}

const mark = `[REDACTED:${personalDetector}]`;
const omitted: JsonObject = { "aegis:omitted": "what a tool answers about a person is not kept" };

/**
 * Takes out of a decision's data whatever is personal: the arguments that the catalog declares, the path of the destination and the
 * reasoning, which may spell them. Of what a tool answered nothing is left, and nothing is given back: nobody declared what of it is whose.
 */
export function withholdPersonal(data: Recorded, places: PersonalPlaces): Withheld {
  const { reasoning, ...context } = data.context;
  if (data.kind === "check_result") return { data: { ...data, arguments: omitted, redactions: [], context }, fields: [], values: [] };
  const taken = new Map<string, unknown>();
  const pointers = places.in(data.arguments as JsonValue);
  const args = structuredClone(data.arguments) as JsonObject;
  for (const pointer of pointers) taken.set(`/arguments${pointer}`, replaceAt(args, pointer));
  const { destination } = data;
  const url = destination && withoutPath(destination.url);
  if (destination && url !== destination.url) taken.set("/destination/url", destination.url);
  if (reasoning !== undefined) taken.set("/context/reasoning", reasoning);
  const below = (pointer: string) => pointers.find((above) => pointer === above || pointer.startsWith(`${above}/`));
  return {
    data: {
      ...data,
      arguments: args,
      redactions: [
        ...data.redactions.filter(({ pointer }) => below(pointer) === undefined),
        ...pointers.map((pointer) => ({ pointer, detector: personalDetector, count: 1 })),
      ],
      ...(destination && url !== undefined && { destination: { ...destination, url } }),
      context: reasoning === undefined ? context : { ...context, reasoning: mark },
      reasons: data.reasons.map((reason) => shortened(reason, below)),
      ...(data.shadow && { shadow: { ...data.shadow, reasons: data.shadow.reasons.map((reason) => shortened(reason, below)) } }),
    },
    fields: [...taken.keys()],
    values: [...taken.values()],
  };
}

/** The arguments as others may compare them while the call is held: what is withheld is null, which no bound of a number fits. */
export function withheldArguments(args: JsonObject, places: PersonalPlaces): JsonObject {
  const shown = structuredClone(args);
  for (const pointer of places.in(args)) replaceAt(shown, pointer, () => null);
  return shown;
}

/** Puts what says nothing in a value's place, of its own type unless said otherwise, and gives the value. */
function replaceAt(root: JsonObject, pointer: string, instead = nothingLike): JsonValue {
  const segments = segmentsOf(pointer);
  const last = segments.pop() as string;
  const holder = segments.reduce((at, segment) => at[segment] as JsonObject, root);
  const value = holder[last] as JsonValue;
  holder[last] = instead(value);
  return value;
}

function nothingLike(value: JsonValue): JsonValue {
  if (typeof value === "string") return mark;
  if (typeof value === "number") return 0;
  if (typeof value === "boolean") return false;
  if (Array.isArray(value)) return [];
  return value === null ? null : {};
}

/** Where a call goes, without whom it is about: a path often names them. */
function withoutPath(text: string): string {
  const url = URL.parse(text);
  if (url === null) return mark;
  return url.pathname.length <= 1 && url.search === "" && url.hash === "" ? text : `${url.protocol}//${url.host}/${mark}`;
}

/** A pointer below what is withheld would spell names of its members. */
function shortened(reason: Reason, below: (pointer: string) => string | undefined): Reason {
  const above = reason.pointer === undefined ? undefined : below(reason.pointer);
  return above === undefined ? reason : { ...reason, pointer: above };
}
