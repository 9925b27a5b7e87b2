import type { PolicySet } from "../ir.ts";

/** Which policies are about an agent, by position, whatever their number: one look-up for its name and one for each length of prefix. */
export class AgentIndex {
  readonly #exact = new Map<string, number[]>();
  readonly #prefixes = new Map<string, number[]>();
  /** The lengths that prefixes have, shortest first. */
  readonly #lengths: readonly number[];

  constructor({ policies }: PolicySet) {
    policies.forEach(({ agents }, at) => {
      for (const agent of agents) {
        if (agent.endsWith("*")) append(this.#prefixes, agent.slice(0, -1), at);
        else append(this.#exact, agent, at);
      }
    });
    const lengths = new Set<number>();
    for (const prefix of this.#prefixes.keys()) lengths.add(prefix.length);
    this.#lengths = [...lengths].sort((a, b) => a - b);
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

function append(index: Map<string, number[]>, key: string, at: number): void {
  const positions = index.get(key);
  if (positions === undefined) index.set(key, [at]);
  else positions.push(at);
}
