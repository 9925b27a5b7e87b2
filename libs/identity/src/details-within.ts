import { isNarrower } from "@aegis/policy/narrower-parameters";
import type { ToolCalls } from "./authorization-details.ts";
import { permits, type Scope, toolScope } from "./scope.ts";

/** Which of these details name calls that a scope does not cover: their positions. */
export function outsideScope(calls: readonly ToolCalls[], scope: Scope): number[] {
  return positions(calls, ({ tool, actions }) =>
    actions === undefined
      ? scope.some((item) => item.startsWith(toolScope(tool).slice(0, -1)))
      : actions.every((action) => permits(scope, tool, action)),
  );
}

/**
 * Which of a child's details permit a call that its parent's do not: their positions. Each action must lie within one of the parent's
 * details; that several together would permit it is not looked for.
 */
export function outsideParent(parent: readonly ToolCalls[], child: readonly ToolCalls[]): number[] {
  return positions(child, ({ tool, actions, rules }) => {
    const above = parent.filter((one) => one.tool === tool && isNarrower(rules, one.rules));
    // Without actions, every action: only a detail that names none either is as wide.
    if (actions === undefined) return above.some((one) => one.actions === undefined);
    return actions.every((action) => above.some((one) => one.actions === undefined || one.actions.includes(action)));
  });
}

const positions = (calls: readonly ToolCalls[], holds: (one: ToolCalls) => boolean): number[] =>
  calls.flatMap((one, index) => (holds(one) ? [] : [index]));
