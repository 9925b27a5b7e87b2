import type { Limit } from "../../ir.ts";
import { entries, itemOf, type Place, scalar } from "../reader.ts";
import type { Subject } from "./subject.ts";

const units = ["usd", "actions", "tokens"] as const;

/** Limits that a lower one, on the same account or on one that holds all of it, always reaches first. */
export function deadLimits(subject: Subject): void {
  const ceilings = subject.set.governance.limits.filter(({ scope }) => scope === "tenant" || scope === "prompt/*");
  for (const [policy] of subject.set.policies.entries()) {
    const list = member(member(subject.document(policy), "spec"), "limits");
    if (list === undefined) continue;
    const limits = readLimits(list);
    for (const [index, limit] of limits.entries()) {
      if (!subject.spend(limits.length + ceilings.length)) return;
      const lower = limits.find(
        (other, at) => at !== index && other.budget === limit.budget && other.unit === limit.unit && isLower(other, limit, at < index),
      );
      const ceiling = ceilings.find(
        (other) => windowOf(other) === limit.budget && unitOf(other) === limit.unit && limitOf(other) < limit.value,
      );
      const by =
        lower === undefined ? ceiling && `${limitOf(ceiling)} for the whole tenant (${ceiling.rule})` : `${lower.value} in the same list`;
      if (by === undefined) continue;
      const message = `${limit.value} ${limit.unit} can never be reached: the ${limit.budget} limit is ${by}`;
      subject.warn(policy, ["spec", "limits", limit.index, limit.unit], "redundant_limit", message, "drop it, or write less");
    }
  }
}

interface Written {
  readonly index: number;
  readonly budget: string;
  readonly unit: (typeof units)[number];
  readonly value: number;
}

function readLimits(list: Place): Written[] {
  const found: Written[] = [];
  for (let index = 0; ; index++) {
    const entry = itemOf(list, index);
    if (entry === undefined) return found;
    const budget = plainOf(entry, "budget");
    for (const unit of units) {
      const value = plainOf(entry, unit);
      if (typeof budget === "string" && typeof value === "number") found.push({ index, budget, unit, value });
    }
  }
}

const isLower = (other: Written, limit: Written, before: boolean): boolean =>
  other.value < limit.value || (other.value === limit.value && before);

const member = (place: Place | undefined, name: string): Place | undefined =>
  place && entries(place).find((entry) => entry.name === name)?.value;

function plainOf(place: Place, name: string): unknown {
  const found = member(place, name);
  return found && scalar(found)?.value;
}

const windowOf = ({ window }: Limit): string =>
  ({ hour: "hourly", day: "daily", week: "weekly", month: "monthly", prompt: "prompt", session: "session" })[window];
const unitOf = ({ unit }: Limit): string => (unit === "micro_usd" ? "usd" : unit);
const limitOf = ({ unit, limit }: Limit): number => (unit === "micro_usd" ? limit / 1e6 : limit);
