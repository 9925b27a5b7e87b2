import type { Detectors } from "@aegis/dlp/prepare";
import type { PolicySet } from "../ir.ts";
import { AgentIndex } from "./agents.ts";
import { type ChargePlan, planCharges } from "./charges.ts";
import type { View } from "./evaluate.ts";
import { limitsAbout } from "./limits.ts";
import { type PreparedPolicy, preparePolicy, type Shared } from "./prepared.ts";
import { planRates } from "./rates.ts";
import { asksSession } from "./session.ts";

/** A view with what else depends on the agent alone. */
export interface AgentView extends View {
  /** Some policy that matches is in shadow. */
  readonly shadowed: boolean;
  readonly detectors: Detectors;
  /** Of its own enforced policies, or of all of them, some ask what was seen in a session. */
  readonly asksSession: boolean;
  readonly triesSession: boolean;
  /** The policies of earlier actors hold, too. */
  readonly intersects: boolean;
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
  readonly #shared: Shared;
  readonly #agents: AgentIndex;
  readonly #views = new Map<string, AgentView>();

  constructor(set: PolicySet, shared: Shared) {
    this.#set = set;
    this.#shared = shared;
    this.#prepared = new Array<undefined>(set.policies.length);
    this.#agents = new AgentIndex(set);
  }

  /** `undefined` when no policy matches the agent. */
  of(agent: string): AgentView | undefined {
    const cached = this.#views.get(agent);
    if (cached !== undefined) return cached;
    const positions = this.#agents.of(agent);
    if (positions.length === 0) return undefined;
    const view = this.#build(agent, positions);
    // Agents that match a prefix are without number: past this many they are built anew each time.
    if (this.#views.size < maxCachedAgents) this.#views.set(agent, view);
    return view;
  }

  #build(agent: string, positions: readonly number[]): AgentView {
    const policies = positions.map((at) => {
      const prepared = this.#prepared[at] ?? preparePolicy(this.#set.policies[at]!, this.#shared);
      this.#prepared[at] = prepared;
      return prepared;
    });
    const enforced = policies.filter((policy) => policy.enforced);
    const shadowed = enforced.length < policies.length;
    const plan = this.#plan(agent, enforced);
    return {
      policies,
      enforced,
      enforcedDlp: enforced.flatMap(({ dlp }) => dlp),
      allDlp: policies.flatMap(({ dlp }) => dlp),
      shadowed,
      detectors: this.#shared.detectors(policies.flatMap(({ source }) => source.dlp)),
      asksSession: enforced.some(({ source }) => asksSession(source)),
      triesSession: policies.some(({ source }) => asksSession(source)),
      intersects: enforced.some(({ source }) => source.delegation?.authority === "intersect"),
      plan,
      rates: planRates([...(this.#set.governance.rates ?? []), ...enforced.flatMap(({ source }) => source.rates ?? [])], agent),
      wholePlan: shadowed ? this.#plan(agent, policies) : plan,
    };
  }

  #plan(agent: string, policies: readonly PreparedPolicy[]): ChargePlan {
    return planCharges([...this.#set.governance.limits, ...policies.flatMap(({ source }) => limitsAbout(source.limits, agent))]);
  }
}
