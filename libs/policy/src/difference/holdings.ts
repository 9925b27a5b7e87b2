import { appliesTo, matchesName } from "../engine/limits.ts";
import type { Limit, Policy, PolicySet } from "../ir.ts";

/** A policy as it holds for one agent, and the name under which its other state is found. */
export interface Holding {
  /** The same for the two states of what is one policy to a reader. */
  readonly key: string;
  readonly enforced: boolean;
  readonly policy: Policy;
}

/** Something a policy says, with where it stands. */
export interface Held<T> {
  readonly key: string;
  readonly enforced: boolean;
  readonly value: T;
  readonly rule: string;
}

/** A value's meaning: without the places of rules, and in one order of members. */
export function meaning(value: unknown): string {
  return JSON.stringify(value, (name, member: unknown) => {
    if (name === "rule" || name === "digest") return undefined;
    if (typeof member !== "object" || member === null || Array.isArray(member)) return member;
    return Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/**
 * The agents that two sets tell apart: every name and prefix that either mentions. An agent that neither names is judged as the longest
 * prefix that it starts with, for prefixes of one name lie inside each other.
 */
export function agentsOf(...sets: readonly PolicySet[]): string[] {
  const named = sets.flatMap(({ policies }) =>
    policies.flatMap(({ agents, limits, rates = [] }) => [...agents, ...[...limits, ...rates].flatMap(({ scope }) => agentIn(scope))]),
  );
  return [...new Set(named)].sort();
}

/** The agent or prefix that an account's scope names, if it names one. */
const agentIn = (scope: string): string[] => /(?:^|\/)agent\/(.+)$/.exec(scope)?.slice(1) ?? [];

/** Looks up a set's policies for an agent or a prefix, in source order. */
export function policiesFor(set: PolicySet): (agent: string) => readonly Policy[] {
  const exact = new Map<string, Set<number>>();
  const prefixes: { readonly pattern: string; readonly at: number }[] = [];
  set.policies.forEach(({ agents }, at) => {
    for (const agent of agents) {
      if (agent.endsWith("*")) prefixes.push({ pattern: agent, at });
      else exact.set(agent, (exact.get(agent) ?? new Set()).add(at));
    }
  });
  return (agent) => {
    const name = agent.endsWith("*") ? agent.slice(0, -1) : agent;
    const positions = new Set(agent.endsWith("*") ? [] : exact.get(agent));
    for (const { pattern, at } of prefixes) if (matchesName(pattern, name)) positions.add(at);
    return [...positions].sort((a, b) => a - b).map((at) => set.policies[at] as Policy);
  };
}

/**
 * Finds those of policies' limits that bound an agent. A policy has one for each agent that it names, so they are looked up, not looked
 * through: among a hundred thousand agents that is the difference between seconds and hours.
 */
export function limitLookup(): (agent: string, policy: Policy) => readonly Limit[] {
  interface Index {
    readonly exact: Map<string, Limit[]>;
    /** Of prefixes, and of no agent in particular. */
    readonly others: Limit[];
  }
  const indexes = new Map<Policy, Index>();
  const indexOf = (policy: Policy): Index => {
    const known = indexes.get(policy);
    if (known !== undefined) return known;
    const index: Index = { exact: new Map(), others: [] };
    for (const limit of policy.limits) {
      const [agent] = agentIn(limit.scope);
      if (agent === undefined || agent.endsWith("*")) index.others.push(limit);
      else index.exact.set(agent, [...(index.exact.get(agent) ?? []), limit]);
    }
    indexes.set(policy, index);
    return index;
  };
  return (agent, policy) => {
    const { exact, others } = indexOf(policy);
    const name = agent.endsWith("*") ? agent.slice(0, -1) : agent;
    const wide = others.length === 0 ? others : others.filter((limit) => appliesTo(limit, name));
    const own = agent.endsWith("*") ? undefined : exact.get(agent);
    return own === undefined ? wide : [...own, ...wide];
  };
}

/**
 * Finds out which policies are two states of one: by name, then by content, then the only one left on each side. Where one went from
 * shadow to enforcement or back, both states are taken as what it is afterwards, since that it went is a change of its own.
 */
export function pairPolicies(
  before: readonly Policy[],
  after: readonly Policy[],
): { readonly before: Holding[]; readonly after: Holding[]; readonly pairs: readonly (readonly [Policy, Policy])[] } {
  const pairs: (readonly [Policy, Policy])[] = [];
  const left = new Set(before);
  const right = new Set(after);
  const pair = (a: Policy, b: Policy) => {
    pairs.push([a, b]);
    left.delete(a);
    right.delete(b);
  };
  const matchBy = (key: (policy: Policy) => string) => {
    if (left.size === 0 || right.size === 0) return;
    const waiting = Map.groupBy(right, key);
    for (const a of left) {
      const b = waiting.get(key(a))?.shift();
      if (b !== undefined) pair(a, b);
    }
  };
  matchBy(({ name }) => name);
  matchBy((policy) => meaning({ ...policy, name: "" }));
  const [[a], [b]] = [[...left], [...right]];
  if (a !== undefined && b !== undefined && left.size === 1 && right.size === 1) pair(a, b);
  const keys = new Map<Policy, Holding>();
  pairs.forEach(([a, b], index) => {
    for (const policy of [a, b]) keys.set(policy, { key: `pair ${index}`, enforced: b.mode === "enforce", policy });
  });
  const holding = (side: string) => (policy: Policy) =>
    keys.get(policy) ?? { key: `${side} ${policy.name}`, enforced: policy.mode === "enforce", policy };
  return { before: before.map(holding("before")), after: after.map(holding("after")), pairs };
}

/** Puts the two states of things together: those of one policy first, then what is left, in order and of the same mode. */
export function pairHeld<T>(
  before: readonly Held<T>[],
  after: readonly Held<T>[],
): readonly (readonly [Held<T> | undefined, Held<T> | undefined])[] {
  const pairs: [Held<T> | undefined, Held<T> | undefined][] = [];
  const right = [...after];
  const alone: Held<T>[] = [];
  const take = (same: (one: Held<T>) => boolean) => {
    const at = right.findIndex(same);
    return at < 0 ? undefined : right.splice(at, 1)[0];
  };
  for (const one of before) {
    const other = take(({ key }) => key === one.key);
    if (other === undefined) alone.push(one);
    else pairs.push([one, other]);
  }
  const unlike: Held<T>[] = [];
  for (const one of alone) {
    const other = take(({ enforced, value }) => enforced === one.enforced && meaning(value) === meaning(one.value));
    if (other === undefined) unlike.push(one);
  }
  for (const one of unlike) pairs.push([one, take(({ enforced }) => enforced === one.enforced)]);
  return [...pairs, ...right.map((one) => [undefined, one] as [undefined, Held<T>])];
}

/** What of each policy `pick` finds, with where it stands. */
export function held<T>(holdings: readonly Holding[], pick: (policy: Policy) => readonly (readonly [T, string])[]): Held<T>[] {
  return holdings.flatMap(({ key, enforced, policy }) => pick(policy).map(([value, rule]) => ({ key, enforced, value, rule })));
}
