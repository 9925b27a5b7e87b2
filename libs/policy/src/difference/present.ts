import type { Change } from "./change.ts";

/** Changes as people read them: by agent, agents of which the same is told together, with `+`, `-` or `~`, and a line that sums up. */
export function presentChanges(changes: readonly Change[]): string {
  if (changes.length === 0) return "no change in any decision";
  const byAgent = new Map<string, string[]>();
  for (const change of changes) byAgent.set(change.agent, [...(byAgent.get(change.agent) ?? []), `  ${sign(change)} ${change.text}`]);
  const alike = new Map<string, string[]>();
  for (const [agent, lines] of byAgent) alike.set(lines.join("\n"), [...(alike.get(lines.join("\n")) ?? []), agent]);
  const blocks = [...alike].map(
    ([lines, agents]) => `${agents.map((agent) => (agent === "*" ? "every agent" : agent)).join(", ")}\n${lines}`,
  );
  return [...blocks, summaryOf(changes)].join("\n\n");
}

/** "3 changes for 2 agents: 2 tighten, 1 loosens". */
export function summaryOf(changes: readonly Change[]): string {
  const agents = new Set(changes.map(({ agent }) => agent));
  const count = (direction: Change["direction"]) => changes.filter((change) => change.direction === direction).length;
  const [tighten, loosen, neither] = [count("tightens"), count("loosens"), count("changes")];
  const whom = agents.has("*") ? "every agent" : `${agents.size} ${agents.size === 1 ? "agent" : "agents"}`;
  const parts = [
    ...(tighten > 0 ? [`${tighten} ${tighten === 1 ? "tightens" : "tighten"}`] : []),
    ...(loosen > 0 ? [`${loosen} ${loosen === 1 ? "loosens" : "loosen"}`] : []),
    ...(neither > 0 ? [`${neither} ${neither === 1 ? "is" : "are"} neither`] : []),
  ];
  return `${changes.length} ${changes.length === 1 ? "change" : "changes"} for ${whom}: ${parts.join(", ")}`;
}

/** `+` for what is new, `-` for what is gone, `~` for what is otherwise. */
function sign({ kind, direction, before, after }: Change): "+" | "-" | "~" {
  if (kind === "agent") return direction === "loosens" ? "+" : "-";
  if (before === undefined && after !== undefined) return "+";
  return before !== undefined && after === undefined ? "-" : "~";
}
