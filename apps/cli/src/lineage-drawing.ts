/** What `GET /v1/graph/…` answers, as far as it is drawn. */
export interface Graph {
  kind: string;
  id: string;
  tenant: string;
  complete: boolean;
  decisions: number;
  actors: { id: string; name: string; kind: "user" | "agent"; parent?: string }[];
  calls: Call[];
  plans: { actor: string; planId: string; replanOf?: string; calls: number }[];
}

interface Call {
  actor: string;
  tool: string;
  action: string;
  decisions: Record<string, number>;
  reasons: Record<string, number>;
  outcomes: Record<string, number>;
  retries: number;
  replans: number;
  microUsd: number;
}

/** Counts as words: "3 allow, 1 deny". */
export const counted = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, times]) => `${times} ${name}`)
    .join(", ");

function words(call: Call): string {
  const reasons = Object.keys(call.reasons);
  return [
    `${counted(call.decisions)}${reasons.length > 0 ? ` (${reasons.join(", ")})` : ""}`,
    ...(Object.keys(call.outcomes).length > 0 ? [counted(call.outcomes)] : []),
    ...(call.retries > 0 ? [`${call.retries} of them retries`] : []),
    ...(call.replans > 0 ? [`${call.replans} of them replanned`] : []),
    ...(call.microUsd > 0 ? [dollars(call.microUsd)] : []),
  ].join(" · ");
}

export const dollars = (microUsd: number): string => `${(microUsd / 1e6).toFixed(microUsd < 1e4 ? 6 : 2)} USD`;

/** A tree for terminals. */
export function drawText(graph: Graph): string {
  const lines = [
    `${graph.kind} ${graph.id} of ${graph.tenant}: ${graph.decisions} decisions${graph.complete ? "" : " (older ones left out)"}`,
  ];
  const below = (id: string, indent: string): void => {
    const plans = graph.plans.filter(({ actor }) => actor === id);
    const calls = graph.calls.filter(({ actor }) => actor === id);
    const children = graph.actors.filter(({ parent }) => parent === id);
    const leaves = [
      ...calls.map((call) => `${call.tool}:${call.action}  ${words(call)}`),
      ...plans.map((plan) => `plan ${plan.planId}${plan.replanOf ? ` instead of ${plan.replanOf}` : ""}: ${plan.calls} calls`),
    ];
    const count = leaves.length + children.length;
    for (const [at, leaf] of leaves.entries()) lines.push(`${indent}${at === count - 1 ? "└─" : "├─"} ${leaf}`);
    for (const [at, child] of children.entries()) {
      const last = at === children.length - 1;
      lines.push(`${indent}${last ? "└─" : "├─"} ${child.name}`);
      below(child.id, `${indent}${last ? "   " : "│  "}`);
    }
  };
  for (const origin of graph.actors.filter(({ parent }) => parent === undefined)) {
    lines.push(origin.name);
    below(origin.id, "");
  }
  return lines.join("\n");
}

interface Edge {
  from: string;
  to: string;
  label: string;
  refused: boolean;
}

/** Nodes get numbers, so that no name can end what it stands in. */
function numbered(graph: Graph): { nodes: Map<string, { number: string; name: string; kind: string }>; edges: Edge[] } {
  const nodes = new Map<string, { number: string; name: string; kind: string }>();
  const node = (key: string, name: string, kind: string): string => {
    const known = nodes.get(key) ?? { number: `n${nodes.size}`, name, kind };
    nodes.set(key, known);
    return known.number;
  };
  for (const actor of graph.actors) node(`actor ${actor.id}`, actor.name, actor.kind);
  const edges = graph.actors.flatMap(({ id, parent }): Edge[] => {
    if (parent === undefined) return [];
    const by = graph.actors.find((actor) => actor.id === parent);
    const label = by?.kind === "user" ? "asks" : "delegates";
    return [{ from: numberOf(nodes, parent), to: numberOf(nodes, id), label, refused: false }];
  });
  for (const call of graph.calls) {
    const to = node(`tool ${call.tool}:${call.action}`, `${call.tool}:${call.action}`, "tool");
    const refused = Object.keys(call.decisions).every((decision) => decision === "deny");
    edges.push({ from: numberOf(nodes, call.actor), to, label: words(call), refused });
  }
  return { nodes, edges };
}

const numberOf = (nodes: ReadonlyMap<string, { number: string }>, actor: string): string =>
  nodes.get(`actor ${actor}`)?.number ?? "unknown";

/** Graphviz. */
export function drawDot(graph: Graph): string {
  const quote = (text: string) =>
    `"${text
      .replaceAll("\\", "\\\\")
      .replaceAll('"', '\\"')
      .replaceAll(/[\r\n]/g, " ")}"`;
  const shapes: Record<string, string> = { user: "ellipse", agent: "box", tool: "component" };
  const { nodes, edges } = numbered(graph);
  return [
    `digraph ${quote(`${graph.kind} ${graph.id}`)} {`,
    "  rankdir=LR;",
    ...[...nodes.values()].map(({ number, name, kind }) => `  ${number} [label=${quote(name)}, shape=${shapes[kind]}];`),
    ...edges.map(({ from, to, label, refused }) => `  ${from} -> ${to} [label=${quote(label)}${refused ? ", style=dashed" : ""}];`),
    "}",
  ].join("\n");
}

/** Mermaid, as Markdown renders it. */
export function drawMermaid(graph: Graph): string {
  const quote = (text: string) => `"${text.replaceAll(/[^\p{L}\p{N} .,:;/@_()·-]/gu, (character) => `#${character.codePointAt(0)};`)}"`;
  const shape = (name: string, kind: string) =>
    kind === "user" ? `([${quote(name)}])` : kind === "tool" ? `[[${quote(name)}]]` : `[${quote(name)}]`;
  const { nodes, edges } = numbered(graph);
  return [
    "flowchart LR",
    ...[...nodes.values()].map(({ number, name, kind }) => `  ${number}${shape(name, kind)}`),
    ...edges.map(({ from, to, label, refused }) => `  ${from} ${refused ? "-." : "--"} ${quote(label)} ${refused ? ".->" : "-->"} ${to}`),
  ].join("\n");
}
