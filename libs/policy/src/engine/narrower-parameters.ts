import type { JsonObject } from "@aegis/canonical/ijson";
import type { ParameterRule } from "../ir.ts";
import { type ParameterRules, prepareParameters } from "./parameters.ts";

type Held = Pick<ParameterRules, "parameters" | "additional">;

/**
 * Whether every call whose arguments `narrower` lets pass is one that `wider` lets pass, too. Never true where it is not so. It is false,
 * though it might be true, where `wider` lists values and `narrower` bounds them another way, and where both match different patterns.
 */
export function isNarrower(narrower: Held, wider: Held): boolean {
  const below = new Map(narrower.parameters.map((rule) => [rule.name, rule]));
  const above = new Set(wider.parameters.map(({ name }) => name));
  const bounded = wider.parameters.every((rule) => {
    const own = below.get(rule.name);
    // What is not named is anything, or it is left out.
    if (own === undefined) return narrower.additional === "deny" && rule.optional === true;
    return isNarrowerBound(own, rule);
  });
  if (!bounded || wider.additional === "allow") return bounded;
  return narrower.additional === "deny" && narrower.parameters.every(({ name }) => above.has(name));
}

function isNarrowerBound(narrower: ParameterRule, wider: ParameterRule): boolean {
  if (narrower.optional === true && wider.optional !== true) return false;
  if (narrower.enum !== undefined) return narrower.enum.every((value) => passes(wider, value));
  return (
    wider.enum === undefined &&
    (wider.type === undefined || wider.type === narrower.type || (wider.type === "number" && narrower.type === "integer")) &&
    isWithin(lowest(narrower), lowest(wider)) &&
    isWithin(highestMirrored(narrower), highestMirrored(wider)) &&
    (narrower.minLength ?? 0) >= (wider.minLength ?? 0) &&
    (narrower.maxLength ?? Number.POSITIVE_INFINITY) <= (wider.maxLength ?? Number.POSITIVE_INFINITY) &&
    (wider.matches === undefined || wider.matches === narrower.matches)
  );
}

function passes(rule: ParameterRule, value: JsonObject[string]): boolean {
  let passed = true;
  const refuse = () => {
    passed = false;
  };
  prepareParameters({ rule: "", parameters: [rule], additional: "allow" }, new Map())(
    Object.assign(Object.create(null), { [rule.name]: value }),
    {
      deny: refuse,
      violation: refuse,
    },
  );
  return passed;
}

/** Where a range begins. `open`: not with this number itself. */
interface End {
  readonly at: number;
  readonly open: boolean;
}

const isWithin = (narrower: End, wider: End): boolean =>
  narrower.at > wider.at || (narrower.at === wider.at && (narrower.open || !wider.open));

const lowest = ({ type, min, exclusiveMin }: ParameterRule): End => beginning(type, min, exclusiveMin);

/** Where a range ends, as where its mirror image begins. */
const highestMirrored = ({ type, max, exclusiveMax }: ParameterRule): End => beginning(type, opposite(max), opposite(exclusiveMax));

const opposite = (bound: number | undefined) => (bound === undefined ? undefined : -bound);

/** Of whole numbers, the first one itself: above 4 is from 5. From 2^53 doubles may have no such one, and the range stays open. */
function beginning(type: ParameterRule["type"], from: number | undefined, above: number | undefined): End {
  if (from !== undefined) return { at: type === "integer" ? Math.ceil(from) : from, open: false };
  if (above === undefined) return { at: Number.NEGATIVE_INFINITY, open: false };
  const next = Math.floor(above) + 1;
  return type === "integer" && next > above ? { at: next, open: false } : { at: above, open: true };
}
