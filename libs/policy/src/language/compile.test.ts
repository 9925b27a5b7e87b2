import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { documentText } from "../../test/vectors.ts";
import { compile } from "./compile.ts";
import { faultCodes, formatFault } from "./fault.ts";

const reference = readFileSync(join(import.meta.dirname, "../../../../docs/reference/policy.md"), "utf8");
/** Every construct of the language. */
const shown = [...reference.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? "");
const sources = [...["finance-agent.yaml", "agentic-governance.yaml"].map(documentText), ...shown];
const policy = `apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: p, tenant: acme }
spec:
  agents: [a, b-*]
  egress: { allow: [api.test, "*.b.test", { host: c.test, path: "/x/{tenant}/**", methods: [GET] }] }
  dlp: [{ detect: [email], in: [/m], action: mask }]
  limits: [{ budget: daily, usd: 1 }]
  tools:
    - name: t
      deny: [x_*]
      actions:
        - name: a
          parameters: { n: { type: number, max: 5, beyond: approval_needed }, s: { matches: "^a$", max_length: 9 } }
          approval: { queue: q, quorum: 2, expires: 5m }
`;
const compileText = (text: string) => compile([{ name: "p.yaml", text }], { tenant: "acme" });

/** One or more small damages: what a typo, a bad merge or an attacker does to a text. */
const damaged = fc
  .tuple(
    fc.constantFrom(...sources, policy),
    fc.array(
      fc.tuple(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(12),
        fc.oneof(fc.string(), fc.constantFrom(..."{}[]:-*&!|>%@`'\"#?,\n\t \\")),
      ),
      {
        minLength: 1,
        maxLength: 6,
      },
    ),
  )
  .map(([text, cuts]) =>
    cuts.reduce((before, [where, length, insert]) => {
      const at = Math.floor(where * before.length);
      return before.slice(0, at) + insert + before.slice(at + length);
    }, text),
  );

describe("compile", () => {
  test("never throws, and names only places that exist, whatever happens to a document", () => {
    fc.assert(
      fc.property(damaged, (text) => {
        const result = compileText(text);
        if (result.ok) {
          expect(JSON.parse(JSON.stringify(result.policies))).toEqual(result.policies);
          return;
        }
        const lines = text.split("\n");
        expect(result.faults.length).toBeGreaterThan(0);
        for (const fault of result.faults) {
          expect(faultCodes[fault.code]).toBeDefined();
          expect(fault.line).toBeGreaterThanOrEqual(1);
          expect(fault.line).toBeLessThanOrEqual(lines.length);
          expect(fault.column).toBeLessThanOrEqual((lines[fault.line - 1] ?? "").length + 1);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("never throws on any text at all", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.json()), (text) => {
        compileText(text);
      }),
      { numRuns: 500 },
    );
  });

  test("gives the same rules for the same text, and JSON means what YAML means", () => {
    const [first, again] = [compileText(policy), compileText(policy)];
    expect(first).toEqual(again);
    const json = compileText('{"agent":"finance-agent","allowed_tools":[{"name":"t","actions":["a"],"conditions":{"max_n":5}}]}');
    const yaml = compileText("agent: finance-agent\nallowed_tools:\n- { name: t, actions: [a], conditions: { max_n: 5 } }\n");
    const digest = (result: typeof json) => (result.ok ? result.policies.policies[0]?.tools[0]?.actions[0]?.digest : undefined);
    expect(digest(json)).toMatch(/^sha256:/);
    expect(digest(json)).toBe(digest(yaml));
  });

  test("a rule's digest does not change with its place in the file, and changes with its meaning", () => {
    const digest = (text: string) => {
      const result = compileText(text);
      return result.ok ? result.policies.policies[0]!.tools[0]!.actions[0]!.digest : formatFault(result.faults[0]!);
    };
    expect(digest(`# moved\n\n${policy}`)).toBe(digest(policy));
    expect(digest(policy.replace("usd: 1", "usd: 2"))).toBe(digest(policy));
    expect(digest(policy.replace("max: 5", "max: 6"))).not.toBe(digest(policy));
    expect(digest(policy.replace("quorum: 2", "quorum: 3"))).not.toBe(digest(policy));
  });
});

test("a detector without a usable name does not keep another document's unknown detector from being told", () => {
  const governance = "apiVersion: aegis.dev/v1\nkind: Governance\nmetadata: { name: g }\nspec:\n  detectors: [{ pattern: 'x', name: 5 }]\n";
  const agent =
    "apiVersion: aegis.dev/v1\nkind: AgentPolicy\nmetadata: { name: a }\nspec:\n  agents: [a]\n  dlp: [{ detect: [emial], action: redact }]\n  tools: []\n";
  const result = compileText(`${governance}---\n${agent}`);
  expect(result.ok ? [] : result.faults.map(({ code }) => code)).toEqual(["wrong_type", "unknown_detector"]);
});

test.each([
  ["in UTF-16", Buffer.from("\ufeffagent: a\nallowed_tools: []\n", "utf16le").toString("utf8"), ["1:1 invalid_text"]],
  ["with nothing between its marks", "---\n---\n# nothing\n---\n", ["1:1 no_documents"]],
  [
    "of nameless detectors",
    `apiVersion: aegis.dev/v1
kind: Governance
metadata: { name: g }
spec:
  detectors:
    - { pattern: a }
    - { pattern: b }
`,
    ["6:7 missing_key", "7:7 missing_key"],
  ],
])("a file %s has the faults that its author can mend, and no others", (_, text, told) => {
  const result = compileText(text);
  expect(result.ok ? [] : result.faults.map(({ line, column, code }) => `${line}:${column} ${code}`)).toEqual(told);
});
