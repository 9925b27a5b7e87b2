import type { JsonObject } from "@aegis/canonical/ijson";
import type { PolicySet } from "../ir.ts";

/** Which policies are about an agent, by position, whatever their number: one look-up for its name and one for each length of prefix. */
export class AgentIndex {
  readonly #exact: ReadonlyMap<string, readonly number[]>;
  readonly #prefixes: ReadonlyMap<string, readonly number[]>;
  /** The lengths that prefixes have, shortest first. */
  readonly #lengths: readonly number[];

  constructor(set: PolicySet) {
    const { exact, prefixes, lengths } = positionsByAgent(set);
    this.#exact = exact;
    this.#prefixes = prefixes;
    this.#lengths = lengths;
  }

  /** Positions in source order, each once. */
  of(agent: string): readonly number[] {
    const found: number[] = [...(this.#exact.get(agent) ?? [])];
    for (const length of this.#lengths) {
      if (length > agent.length) break;
      const positions = this.#prefixes.get(agent.slice(0, length));
      if (positions !== undefined) for (const at of positions) found.push(at);
    }
    return found.length < 2 ? found : [...new Set(found)].sort((a, b) => a - b);
  }
}

/** The index as JSON, for the bundle: OPA has no other way to find an agent's policies than to look at each. */
export function agentIndex(set: PolicySet): JsonObject {
  const { exact, prefixes, lengths } = positionsByAgent(set);
  return { exact: Object.fromEntries(exact), prefixes: Object.fromEntries(prefixes), lengths };
}

function positionsByAgent({ policies }: PolicySet) {
  const exact = new Map<string, number[]>();
  const prefixes = new Map<string, number[]>();
  policies.forEach(({ agents }, at) => {
    for (const agent of agents) {
      if (agent.endsWith("*")) append(prefixes, agent.slice(0, -1), at);
      else append(exact, agent, at);
    }
  });
  return { exact, prefixes, lengths: [...new Set([...prefixes.keys()].map(({ length }) => length))].sort((a, b) => a - b) };
}

function append(index: Map<string, number[]>, key: string, at: number): void {
  const positions = index.get(key);
  if (positions === undefined) index.set(key, [at]);
  else positions.push(at);
}
