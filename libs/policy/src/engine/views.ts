import type { DetectorName } from "@aegis/dlp/detect";
import type { RE2JS } from "re2js";
import type { PolicySet } from "../ir.ts";
import { appliesTo, type ChargePlan, planCharges } from "./charges.ts";
import type { View } from "./evaluate.ts";
import { matchesName } from "./limits.ts";
import { detectorsOf, type PreparedPolicy, preparePolicy } from "./prepared.ts";
import { planRates } from "./rates.ts";

/** A view with what else depends on the agent alone. */
export interface AgentView extends View {
  /** Some policy that matches is in shadow. */
  readonly shadowed: boolean;
  readonly detectors: readonly DetectorName[];
  readonly plan: ChargePlan;
  /** With the limits of policies in shadow too. */
  readonly wholePlan: ChargePlan;
  /** The accounts whose rates a call has to pass. */
  readonly rates: ReturnType<typeof planRates>;
}

const maxCachedAgents = 100_000;

/** Finds an agent's policies in one look-up. Policies are prepared when an agent they match first calls. */
export class ViewIndex {
  readonly #set: PolicySet;
  readonly #prepared: (PreparedPolicy | undefined)[];
  readonly #patterns = new Map<string, RE2JS>();
  /** Positions of policies by exact name. */
  readonly #exact = new Map<string, number[]>();
  readonly #prefixes: { readonly pattern: string; readonly at: number }[] = [];
  readonly #views = new Map<string, AgentView>();

  constructor(set: PolicySet) {
    this.#set = set;
    this.#prepared = new Array<undefined>(set.policies.length);
    set.policies.forEach((policy, at) => {
      for (const agent of policy.agents) {
        if (agent.endsWith("*")) this.#prefixes.push({ pattern: agent, at });
        else this.#exact.set(agent, [...(this.#exact.get(agent) ?? []), at]);
      }
    });
  }

  /** `undefined` when no policy matches the agent. */
  of(agent: string): AgentView | undefined {
    const cached = this.#views.get(agent);
    if (cached !== undefined) return cached;
    const positions = new Set(this.#exact.get(agent));
    for (const { pattern, at } of this.#prefixes) if (matchesName(pattern, agent)) positions.add(at);
    if (positions.size === 0) return undefined;
    const view = this.#build(
      agent,
      [...positions].sort((a, b) => a - b),
    );
    // Agents that match a prefix are without number: past this many they are built anew each time.
    if (this.#views.size < maxCachedAgents) this.#views.set(agent, view);
    return view;
  }

  #build(agent: string, positions: readonly number[]): AgentView {
    const policies = positions.map((at) => {
      const prepared = this.#prepared[at] ?? preparePolicy(this.#set.policies[at]!, this.#patterns);
      this.#prepared[at] = prepared;
      return prepared;
    });
    const enforced = policies.filter((policy) => policy.enforced);
    const plan = (of: readonly PreparedPolicy[]): ChargePlan =>
      planCharges([
        ...this.#set.governance.limits,
        ...of.flatMap(({ source }) => source.limits.filter((limit) => appliesTo(limit, agent))),
      ]);
    return {
      policies,
      enforced,
      enforcedDlp: enforced.flatMap(({ dlp }) => dlp),
      allDlp: policies.flatMap(({ dlp }) => dlp),
      shadowed: enforced.length < policies.length,
      detectors: detectorsOf(policies),
      plan: plan(enforced),
      wholePlan: plan(policies),
      rates: planRates([...(this.#set.governance.rates ?? []), ...enforced.flatMap(({ source }) => source.rates ?? [])], agent),
    };
  }
}
