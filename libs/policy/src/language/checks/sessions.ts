import { nearestTo } from "../suggest.ts";
import type { Subject } from "./subject.ts";
import { matches } from "./unreachable.ts";

/** Session rules that wait for what never happens, or refuse what nobody can call. */
export function deadSessionRules(subject: Subject): void {
  const { policies, catalog } = subject.set;
  if (!subject.whole || policies.every(({ session }) => session === undefined)) return;
  const labels = new Set([
    ...policies.flatMap(({ results, tools }) => [
      ...(results?.labels ?? []),
      ...tools.flatMap(({ actions }) => actions.flatMap((action) => action.results?.labels ?? [])),
    ]),
    ...(catalog ?? []).flatMap(({ actions }) => actions.flatMap((action) => action.labels ?? [])),
  ]);
  const calls = (catalog ?? []).flatMap(({ name, actions }) => actions.map((action) => [name, action.name] as const));
  for (const [policy, { session }] of policies.entries()) {
    for (const [index, { after, deny }] of (session ?? []).entries()) {
      const path = ["spec", "session", index];
      if (after.includes(":")) deadCall(subject, policy, [...path, "after"], after, calls);
      else if (labels.size > 0 && !labels.has(after) && subject.spend(labels.size)) {
        const near = nearestTo(after, labels);
        const hint = near === undefined ? `one of: ${[...labels].join(", ")}` : `did you mean "${near}"?`;
        subject.warn(policy, [...path, "after"], "unreachable_rule", `nothing labels a session "${after}"`, hint);
      }
      for (const [at, call] of deny.entries()) deadCall(subject, policy, [...path, "deny", at], call, calls);
    }
  }
}

/** Only a catalog knows all the calls there are. */
function deadCall(
  subject: Subject,
  policy: number,
  path: readonly (string | number)[],
  pattern: string,
  calls: readonly (readonly [string, string])[],
): void {
  if (calls.length === 0 || !subject.spend(calls.length)) return;
  const colon = pattern.indexOf(":");
  const [tool, action] = [pattern.slice(0, colon).replaceAll("%3A", ":"), pattern.slice(colon + 1).replaceAll("%3A", ":")];
  if (calls.some(([name, call]) => matches(tool, name) && matches(action, call))) return;
  const near = nearestTo(
    pattern,
    calls.map(([name, call]) => `${name.replaceAll(":", "%3A")}:${call}`),
  );
  const hint = near === undefined ? "name a call that the tenant's catalog describes" : `did you mean "${near}"?`;
  subject.warn(policy, path, "unreachable_rule", `no tool of the tenant's catalog has a call "${pattern}"`, hint);
}
