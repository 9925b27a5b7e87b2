import { matchesName } from "../engine/limits.ts";
import { callName } from "../engine/session.ts";
import type { EvaluationInput, SessionFacts } from "../input.ts";
import type { PolicySet } from "../ir.ts";

const mostSessions = 100_000;
const mostFacts = 1_000;

/**
 * What was seen in each session so far, when a set has rules about that: calls as they were let through, and the labels that the set
 * itself gives their results. A session that began before the first record is known from there on only.
 */
export class SessionLog {
  readonly #needed: boolean;
  readonly #policies: PolicySet;
  readonly #sessions = new Map<string, { labels: Set<string>; calls: Set<string> }>();

  constructor(policies: PolicySet) {
    this.#policies = policies;
    this.#needed = policies.policies.some(({ session }) => session !== undefined && session.length > 0);
  }

  complete(input: EvaluationInput): EvaluationInput {
    const id = input.context.sessionId;
    const seen = this.#needed && id !== undefined ? this.#sessions.get(id) : undefined;
    if (seen === undefined) return input;
    const session: SessionFacts = { labels: [...seen.labels].sort(), calls: [...seen.calls].sort() };
    return { ...input, session };
  }

  letThrough({ context, principal, tool, action }: EvaluationInput): void {
    const id = context.sessionId;
    if (!this.#needed || id === undefined) return;
    const seen = this.#sessions.get(id) ?? { labels: new Set<string>(), calls: new Set<string>() };
    if (this.#sessions.size < mostSessions) this.#sessions.set(id, seen);
    if (seen.calls.size < mostFacts) seen.calls.add(callName(tool, action));
    for (const label of this.#labels(principal.agent, tool, action)) seen.labels.add(label);
  }

  *#labels(agent: string, tool: string, action: string): Generator<string> {
    for (const described of this.#policies.catalog ?? []) {
      if (described.name === tool) for (const one of described.actions) if (one.name === action) yield* one.labels ?? [];
    }
    for (const policy of this.#policies.policies) {
      if (!policy.agents.some((pattern) => matchesName(pattern, agent))) continue;
      yield* policy.results?.labels ?? [];
      for (const rules of policy.tools) {
        if (rules.name === tool) for (const one of rules.actions) if (one.name === action) yield* one.results?.labels ?? [];
      }
    }
  }
}
