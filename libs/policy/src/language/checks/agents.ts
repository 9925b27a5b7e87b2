/** Patterns of agents: exact names, or prefixes ending in `*`. */

/** Whether every agent that one pattern names is named by another one. */
export function covers(wide: string, narrow: string): boolean {
  return wide.endsWith("*") ? narrow.startsWith(wide.slice(0, -1)) : wide === narrow;
}

/** Whether every agent of one list is named in another. */
export const coversAll = (wide: readonly string[], narrow: readonly string[]): boolean =>
  narrow.every((each) => wide.some((pattern) => covers(pattern, each)));

/** An agent, or a prefix of agents, that both lists name. */
export function shared(one: readonly string[], other: readonly string[]): string | undefined {
  for (const a of one) for (const b of other) if (covers(a, b) || covers(b, a)) return covers(a, b) ? b : a;
  return undefined;
}
