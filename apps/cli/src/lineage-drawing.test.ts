import { expect, test } from "vitest";
import { drawDot, drawMermaid, drawText, type Graph } from "./lineage-drawing.ts";

const call = (actor: string, tool: string, decisions: Record<string, number>, more: Partial<Graph["calls"][number]> = {}) => ({
  actor,
  tool,
  action: "run",
  decisions,
  reasons: {},
  outcomes: {},
  retries: 0,
  replans: 0,
  microUsd: 0,
  ...more,
});

const graph: Graph = {
  kind: "prompt",
  id: "p-1",
  tenant: "acme",
  complete: true,
  decisions: 4,
  actors: [
    { id: "user:u", name: "user:u", kind: "user" },
    { id: "user:u/a", name: "a", kind: "agent", parent: "user:u" },
    { id: "user:u/a/b", name: "b", kind: "agent", parent: "user:u/a" },
    { id: "user:u/a/b/c", name: "c", kind: "agent", parent: "user:u/a/b" },
  ],
  calls: [
    call("user:u/a", "mail", { allow: 2 }, { retries: 1 }),
    call("user:u/a/b/c", "pay", { deny: 1 }, { reasons: { scope_missing: 1 } }),
  ],
  plans: [{ actor: "user:u/a", planId: "p2", replanOf: "p1", calls: 1 }],
};

test("text shows each actor below who delegated to it", () => {
  expect(drawText(graph)).toBe(
    [
      "prompt p-1 of acme: 4 decisions",
      "user:u",
      "└─ a",
      "   ├─ mail:run  2 allow · 1 of them retries",
      "   ├─ plan p2 instead of p1: 1 calls",
      "   └─ b",
      "      └─ c",
      "         └─ pay:run  1 deny (scope_missing)",
    ].join("\n"),
  );
});

test("DOT and Mermaid have an edge for each delegation and each call, refused ones dashed", () => {
  const dot = drawDot(graph);
  expect(dot).toContain('n0 -> n1 [label="asks"]');
  expect(dot).toContain('n1 -> n2 [label="delegates"]');
  expect(dot).toContain('n2 -> n3 [label="delegates"]');
  expect(dot).toMatch(/n3 -> n5 \[label=".*", style=dashed\]/);
  const mermaid = drawMermaid(graph);
  expect(mermaid).toContain('n1 -- "delegates" --> n2');
  expect(mermaid).toMatch(/n3 -\. ".*" \.-> n5/);
});

test("no name ends what it stands in", () => {
  const evil = 'x"];n9 -->|"y\n}';
  const named = { ...graph, actors: [{ id: "x", name: evil, kind: "agent" as const }], calls: [call("x", evil, { allow: 1 })], plans: [] };
  expect(drawDot(named)).toContain(String.raw`n0 [label="x\"];n9 -->|\"y }", shape=box];`);
  const line = drawMermaid(named).split("\n")[1];
  expect(line).toMatch(/^ {2}n0\["[^"]*"\]$/);
});
