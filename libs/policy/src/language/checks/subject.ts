import { isSeq } from "yaml";
import type { ActionRule, Policy, PolicySet, ToolRules } from "../../ir.ts";
import type { Fault, FaultCode, Warning, WarningCode } from "../fault.ts";
import { entries, itemOf, type Place } from "../reader.ts";
import type { Position } from "../source.ts";

/** Members and indexes that lead from a document's root to a value, as an AgentPolicy spells them. */
export type Path = readonly (string | number)[];

/** Whoever has so many has one cause for most of them. */
const maxFound = 300;

/** What the static checks look at: the rules that were read without fault, and where each of their documents stands. */
export class Subject {
  readonly set: PolicySet;
  /** Every document was read without fault: what is not here is nowhere. */
  readonly whole: boolean;
  readonly faults: Fault[] = [];
  readonly warnings: Warning[] = [];
  readonly #places: readonly Place[];
  #steps = 1_000_000;

  constructor(set: PolicySet, places: readonly Place[], whole: boolean) {
    this.set = set;
    this.#places = places;
    this.whole = whole;
  }

  /**
   * Whether so many more steps may be taken. Checks that compare everything with everything stop when this says so: what they
   * find is advice, and must never cost more than reading the documents did.
   */
  spend(steps = 1): boolean {
    this.#steps -= steps;
    return this.#steps >= 0 && this.faults.length < maxFound && this.warnings.length < maxFound;
  }

  fault(policy: number, path: Path, code: FaultCode, message: string, hint: string): void {
    this.faults.push({ ...this.at(policy, path), code, message, hint });
  }

  warn(policy: number, path: Path, code: WarningCode, message: string, hint: string): void {
    this.warnings.push({ ...this.at(policy, path), code, message, hint });
  }

  /** The document that a policy was lowered from. */
  document(policy: number): Place {
    return this.#places[policy]!;
  }

  /** A bare document's own rules are all that it can say. */
  isBare(policy: number): boolean {
    return entries(this.document(policy)).some(({ name }) => name === "allowed_tools");
  }

  /** Where a value stands; where there is none, the nearest that it would be in. A last step "~key" is the key itself. */
  at(policy: number, path: Path): Position {
    let place = this.document(policy);
    for (const step of this.isBare(policy) ? bare(path) : path) {
      if (typeof step === "object") {
        // Of the conditions on a parameter, the one that is meant, or the first.
        const written = entries(place).filter(({ name }) => step.names.includes(name));
        place = (written.find(({ name }) => step.meant === name) ?? written[0])?.value ?? place;
        continue;
      }
      if (step === "~key") return place.parent;
      const next =
        typeof step === "number" && isSeq(place.node) ? itemOf(place, step) : entries(place).find(({ name }) => name === step)?.value;
      if (next === undefined) break;
      place = next;
    }
    return place.position;
  }

  *rules(): Generator<Grant> {
    for (const [policy, rules] of this.set.policies.entries()) {
      for (const [tool, { actions }] of rules.tools.entries()) {
        for (const [action, rule] of actions.entries()) {
          if (!this.spend()) return;
          yield {
            policy,
            rules,
            tool: rules.tools[tool]!,
            toolAt: ["spec", "tools", tool],
            rule,
            at: ["spec", "tools", tool, "actions", action],
          };
        }
      }
    }
  }
}

/** One action of one tool that a policy allows. */
export interface Grant {
  /** The policy's index in the set. */
  readonly policy: number;
  readonly rules: Policy;
  readonly tool: ToolRules;
  readonly toolAt: Path;
  readonly rule: ActionRule;
  readonly at: Path;
}

/** The same way in a bare document: `spec.agents[0]` is `agent`, `spec.tools` is `allowed_tools`, an action is its name. */
function bare([, member, index = 0, ...rest]: Path): (string | number | { readonly names: readonly string[]; readonly meant: string })[] {
  if (member === "agents") return ["agent"];
  if (member !== "tools") return [];
  const [list, action, last, name, bound] = rest;
  const tool = ["allowed_tools", index];
  if (last !== "parameters") return list === "actions" && action !== undefined ? [...tool, list, action] : [...tool, ...rest];
  const conditions = ["matches", "in"].map((each) => `${name}_${each}`).concat(["max", "min"].map((each) => `${each}_${name}`));
  return [...tool, "conditions", { names: conditions, meant: `${name}_${bound}` }, ...(bound === "~key" ? [bound] : [])];
}
