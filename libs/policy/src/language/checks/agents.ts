/** Patterns of agents, exact names or prefixes ending in `*`, so that asking costs no more than there are prefixes. */
class AgentSet {
  readonly exact: ReadonlySet<string>;
  readonly prefixes: readonly string[];

  constructor(patterns: readonly string[]) {
    this.exact = new Set(patterns.filter((pattern) => !pattern.endsWith("*")));
    this.prefixes = patterns.filter((pattern) => pattern.endsWith("*")).map((pattern) => pattern.slice(0, -1));
  }

  /** Whether every agent that a pattern names is in the set. */
  covers(pattern: string): boolean {
    const [wide, name] = pattern.endsWith("*") ? [true, pattern.slice(0, -1)] : [false, pattern];
    return (!wide && this.exact.has(name)) || this.prefixes.some((prefix) => name.startsWith(prefix));
  }
}

const sets = new WeakMap<readonly string[], AgentSet>();

function setOf(patterns: readonly string[]): AgentSet {
  const known = sets.get(patterns) ?? new AgentSet(patterns);
  sets.set(patterns, known);
  return known;
}

/** Whether every agent of one list is named in another. */
export function coversAll(wide: readonly string[], narrow: readonly string[]): boolean {
  const set = setOf(wide);
  return narrow.every((pattern) => set.covers(pattern));
}

/** Whether a list names some of the agents that a pattern names. */
export function touches(patterns: readonly string[], pattern: string): boolean {
  const set = setOf(patterns);
  return set.covers(pattern) || (pattern.endsWith("*") && patterns.some((each) => each.startsWith(pattern.slice(0, -1))));
}

/** An agent, or a prefix of agents, that both lists name. */
export function shared(one: readonly string[], other: readonly string[]): string | undefined {
  const [a, b] = [setOf(one), setOf(other)];
  return one.find((pattern) => b.covers(pattern)) ?? other.find((pattern) => a.covers(pattern));
}

/** Whether a list names every agent of the tenant, and where. */
export const everyone = (patterns: readonly string[]): number => (setOf(patterns).prefixes.includes("") ? patterns.indexOf("*") : -1);
