import type { BudgetWindow, Limit } from "../ir.ts";
import { entries, fault, optional, type Place, positioned, type Reader, record, required, unsupported } from "./reader.ts";
import { integer, supported, tool, usd } from "./scalars.ts";
import type { Position } from "./source.ts";

const members = {
  budget: required(supported(["daily", "prompt"], ["session", "hourly", "weekly", "monthly"], "write daily or prompt")),
  usd: optional(usd),
  actions: optional(integer(0, 1e12)),
  tokens: optional(integer(0, 1e15)),
  rate: unsupported,
  soft: unsupported,
  at_soft: unsupported,
};

interface Bounded {
  readonly budget: "daily" | "prompt";
  /** Micro-units. */
  readonly usd?: number;
  readonly actions?: number;
  readonly tokens?: number;
}

/** An entry of `limits` in an AgentPolicy: it bounds each of the policy's agents on its own. */
export const policyLimit = positioned(bounding(record(members)));

/** An entry of `limits` in a Governance: it bounds the tenant, or one tool. */
const governed = bounding(record({ ...members, tool: optional(tool) }));
export const governanceLimit = positioned((place: Place) => {
  const value = governed(place);
  if (value?.budget === "prompt" && value.tool !== undefined) {
    fault(place, "not_supported", "a quota per prompt and tool is not supported by this version", "drop tool, or write budget: daily");
  }
  return value;
});

/** One limit for each unit that an entry bounds. */
export function lowerLimit(entry: { at: Position; value: Bounded }, scope: string, timeZone: string): Limit[] {
  const { at, value } = entry;
  const window: BudgetWindow = value.budget === "daily" ? "day" : "prompt";
  const common = { rule: `${at.file}:${at.line}`, scope, window, timeZone };
  return [
    ...(value.usd === undefined ? [] : [{ ...common, unit: "micro_usd" as const, limit: value.usd }]),
    ...(value.actions === undefined ? [] : [{ ...common, unit: "actions" as const, limit: value.actions }]),
    ...(value.tokens === undefined ? [] : [{ ...common, unit: "tokens" as const, limit: value.tokens }]),
  ];
}

/** Refuses an entry that bounds nothing. One that names a unit, or `rate`, has its own faults if any. */
function bounding<T>(read: Reader<T>): Reader<T> {
  const units = ["usd", "actions", "tokens", "rate"];
  return (place) => {
    const value = read(place);
    if (value !== undefined && !entries(place).some(({ name }) => units.includes(name))) {
      place.source.report(place.parent, "missing_key", `${place.path} bounds nothing`, 'add "usd", "actions" or "tokens"');
    }
    return value;
  };
}
