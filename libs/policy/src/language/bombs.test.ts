import { expect, test } from "vitest";
import { compile } from "./compile.ts";
import type { FaultCode } from "./fault.ts";

const policy = (spec: string) => `apiVersion: aegis.dev/v1\nkind: AgentPolicy\nmetadata: { name: p }\nspec:\n  agents: [a]\n${spec}`;
const many = (count: number, each: (index: number) => string) => Array.from({ length: count }, (_, index) => each(index)).join("");
const aliases = many(8, (index) => `${"bcdefghi"[index]}: &${"bcdefghi"[index]} [${`*${"abcdefgh"[index]},`.repeat(9)}]\n`);

const bombs: Record<string, readonly [FaultCode, string]> = {
  "a million brackets": ["too_deep", "[".repeat(1_000_000)],
  "a million braces": ["too_deep", "{a:".repeat(330_000)],
  "JSON a hundred thousand deep": ["too_deep", "[".repeat(100_000) + "]".repeat(100_000)],
  "stairs of keys": ["too_deep", many(1400, (depth) => `${" ".repeat(depth)}a:\n`)],
  "deep block entries": ["too_large", "- ".repeat(500_000)],
  "a hundred thousand keys": ["too_large", many(100_000, (key) => `k${key}: 1\n`)],
  "a hundred thousand values": ["too_large", `a: [${"1,".repeat(100_000)}1]`],
  "a hundred thousand anchors": ["too_large", many(100_000, (index) => `- &a${index} x\n`)],
  "a hundred thousand tags": ["too_large", "!a ".repeat(100_000)],
  "commas that part nothing": ["syntax", `[${",".repeat(500_000)}]`],
  "brackets that close nothing": ["syntax", "]\n".repeat(200_000)],
  "a quarter million documents": ["too_many_documents", "---\n".repeat(250_000)],
  "a thousand documents of no kind": ["too_many_faults", "---\na: b\n".repeat(999)],
  "aliases that unfold a billion times": ["alias_limit", `a: &a [x,x,x,x,x,x,x,x,x]\n${aliases}`],
  "forty thousand aliases": ["alias_limit", `- &a x\n${"- *a\n".repeat(40_000)}`],
  "an alias inside its own anchor": ["alias_cycle", "a: &a [*a]\n"],
  "a document over 1 MiB": ["too_large", `agent: ${"x".repeat(1_100_000)}`],
  "a file over 4 MiB": ["too_large", "# x\n".repeat(1_100_000)],
  "a long pattern": [
    "pattern_too_costly",
    policy(`  tools: [{ name: t, actions: [{ name: a, parameters: { p: { matches: "${"(a{900})".repeat(500)}" } } }] }]`),
  ],
  "repeats of repeats": [
    "pattern_too_costly",
    policy('  tools: [{ name: t, actions: [{ name: a, parameters: { p: { matches: "(?:(?:abcdef){30}){33}" } } }] }]'),
  ],
  "thousands of costly patterns": [
    "pattern_too_costly",
    policy(
      `  tools: [{ name: t, actions: [{ name: a, parameters: { ${many(2000, (index) => `p${index}: { matches: "(?:ab|cd){600}" }, `)} } }] }]`,
    ),
  ],
  "costly patterns in conditions": [
    "pattern_too_costly",
    policy(`  tools: [{ name: t, actions: [${many(500, (index) => `{ name: a${index}, when: "args.x.matches('(?:ab|cd){600}')" }, `)}] }]`),
  ],
  "a NUL in every place": ["invalid_text", "\u0000".repeat(100_000)],
};

/** Of processor time, which a loaded machine does not stretch: a refusal costs a tenth of it. */
const second = 1000;

function costOf(run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

test.each(Object.entries(bombs))("%s: refused at once", (_, [code, text]) => {
  let codes: readonly string[] = [];
  const milliseconds = costOf(() => {
    const result = compile([{ name: "f.yaml", text }], { tenant: "acme" });
    codes = result.ok ? [] : result.faults.map((fault) => fault.code);
  });
  expect(codes).toContain(code);
  expect(codes.length).toBeLessThanOrEqual(501);
  expect(milliseconds).toBeLessThan(second);
});

/** Rules that are sound, and so many that comparing each with each would take minutes. */
const crowds: Record<string, string> = {
  hosts: policy(`  egress: { allow: [${many(15_000, (index) => `h${index}.test, `)}] }\n  tools: []\n`),
  denies: policy(
    `  tools: [{ name: t, deny: [${many(8_000, (index) => `d${index}*, `)}], actions: [${many(5_000, (index) => `{ name: e${index} }, `)}] }]\n`,
  ),
  delegators: policy(`  delegation: { accept_from: [${many(15_000, (index) => `a${index}, `)}] }\n  tools: []\n`).replace(
    "[a]",
    `[${many(15_000, (index) => `a${index}, `)}]`,
  ),
  limits: policy(`  limits: [${many(8_000, (index) => `{ budget: daily, usd: ${index + 1} }, `)}]\n  tools: []\n`),
  policies: many(900, (index) => `---\n${policy(`  purposes: [u${index}]\n  tools: []\n`).replace("name: p", `name: p${index}`)}`),
};

test.each(Object.entries(crowds))("as many %s as a file can hold are compiled, and warned of in part", (_, text) => {
  const milliseconds = costOf(() => {
    const result = compile([{ name: "f.yaml", text }], { tenant: "acme" });
    expect(result.ok).toBe(true);
    expect(result.warnings.length).toBeLessThanOrEqual(300);
  });
  expect(milliseconds).toBeLessThan(3 * second);
});

test("names that objects inherit are names like any other", () => {
  const text = '{"agent":"a","allowed_tools":[{"name":"t","actions":["constructor"],"conditions":{"max___proto__":5}}],"__proto__":1}';
  const result = compile([{ name: "f.json", text }], { tenant: "acme" });
  expect(result.ok ? [] : result.faults).toMatchObject([{ code: "unknown_key", message: expect.stringContaining("__proto__") }]);
  expect(({} as Record<string, unknown>).name).toBeUndefined();
});

test("Windows' newlines, a byte order mark and tabs leave columns where an editor shows them", () => {
  const text = "\ufeffagentt: a\r\nallowed_tools:\r\n\t- name: t\r\n";
  const result = compile([{ name: "f.yaml", text: text.replace("\t", "  ") }], { tenant: "acme" });
  const places = (result.ok ? [] : result.faults).map(({ line, column, code }) => `${line}:${column} ${code}`);
  expect(places).toEqual(["1:1 missing_key", "1:1 unknown_key", "3:5 missing_key"]);
  const tabbed = compile([{ name: "f.yaml", text }], { tenant: "acme" });
  expect(tabbed).toMatchObject({ ok: false, faults: [{ line: 3, column: 1, code: "bad_indentation" }] });
});
