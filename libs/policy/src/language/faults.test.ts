import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { compile, type PolicyFile } from "./compile.ts";
import { type Fault, faultCodes, formatFault, warningCodes } from "./fault.ts";

const root = join(import.meta.dirname, "../../../..");

interface Case {
  readonly name: string;
  readonly files: readonly PolicyFile[];
  readonly faults: readonly { readonly at: string; readonly code: string; readonly hint?: string }[];
}

const casesOf = (path: string): Case[] => (parse(readFileSync(join(root, path), "utf8")) as { cases: Case[] }).cases;
const faultCases = casesOf("vectors/policy/faults/codes.yaml");
const warningCases = casesOf("vectors/policy/warnings/codes.yaml");

/** Codes of files that no example can show. */
const huge: Record<string, string> = {
  too_large: `a: [${"1,".repeat(200_000)}1]`,
  too_many_documents: "---\na: 1\n".repeat(1001),
  too_many_faults: "---\na: 1\n".repeat(600),
};

const compileText = (files: readonly PolicyFile[]) => compile(files, { tenant: "acme" });
const faultsOf = (files: readonly PolicyFile[]): readonly Fault[] => {
  const result = compileText(files);
  return result.ok ? [] : result.faults;
};

test("every code of the list has an example that provokes it", () => {
  const shown = (cases: readonly Case[], of: (files: readonly PolicyFile[]) => readonly Fault<string>[]) =>
    cases.filter(({ name, files }) => of(files).some(({ code }) => code === name)).map(({ name }) => name);
  expect([...shown(faultCases, faultsOf), ...Object.keys(huge)].sort()).toEqual(Object.keys(faultCodes).sort());
  expect(shown(warningCases, (files) => compileText(files).warnings).sort()).toEqual(Object.keys(warningCodes).sort());
});

test.each(Object.entries(huge))("a file may be %s", (code, text) => {
  expect(faultsOf([{ name: "policy.yaml", text }]).map((fault) => fault.code)).toContain(code);
});

test("one run over one broken file tells 45 kinds of faults and more", () => {
  const [everything] = casesOf("vectors/policy/faults/everything.yaml");
  const codes = new Set(faultsOf(everything?.files ?? []).map(({ code }) => code));
  expect(codes.size).toBeGreaterThanOrEqual(60);
});

test("every fault has a message and a hint, on one line each, without what a terminal would act on", () => {
  const sets = [...faultCases, ...casesOf("vectors/policy/faults/everything.yaml"), ...casesOf("vectors/policy/faults/yaml.yaml")];
  const hostile = { files: [{ name: "f.yaml", text: 'agent: "\\e[31m\\n\\u202e\\ud800"\n"\\e]0;x\\a": 1\nallowed_tools: []\n' }] };
  for (const { message, hint } of [...sets, hostile].flatMap(({ files }) => faultsOf(files))) {
    for (const text of [message, hint]) expect(text).toMatch(/^[^\p{Cc}\p{Cs}\u202a-\u202e]+$/u);
  }
});

test("the reference shows every code with its example, as the compiler tells it", async () => {
  await expect(reference()).toMatchFileSnapshot(join(root, "docs/reference/faults.md"));
});

/** docs/reference/faults.md, from the codes and the vectors. */
function reference(): string {
  const section = (
    code: string,
    meaning: string,
    cases: readonly Case[],
    of: (files: readonly PolicyFile[]) => readonly Fault<string>[],
  ) => {
    const { files } = cases.find(({ name }) => name === code) ?? {};
    const [file] = files ?? [];
    const sentence = `${meaning[0]!.toUpperCase()}${meaning.slice(1)}.`;
    if (file === undefined) return `### ${code}\n${sentence}\n`;
    const told = of([file]).map(formatFault).join("\n");
    return `### ${code}\n${sentence}\n\n\`\`\`yml\n${file.text}\`\`\`\n\`\`\`text\n${told}\n\`\`\`\n`;
  };
  const faults = Object.entries(faultCodes).map(([code, meaning]) => section(code, meaning, faultCases, faultsOf));
  const warnings = Object.entries(warningCodes).map(([code, meaning]) =>
    section(code, meaning, warningCases, (files) => compileText(files).warnings),
  );
  return `${opening}\n## Faults\n${faults.join("\n")}\n## Warnings\n${warnings.join("\n")}`;
}

const opening = `# Faults and warnings

\`aegis policy validate FILE…\` reads every document, and tells everything that is wrong with all of them in one run:
\`file:line:column code message — hint\`, sorted by file, line and column. Lines and columns count from 1, a column in UTF-16 units. The
place is that of the offending value, or of the key that should hold what is missing. The codes are a closed list; messages and hints are
for people and may change.

A **fault** refuses the whole set: nothing of it is published. A **warning** refuses nothing: it says what a careful author may mean, and
mostly does not. With \`--json\` the answer is \`{"ok", "faults", "warnings"}\`, each entry \`{"file", "line", "column", "code", "message",
"hint"}\`; the exit status is 3 when there is a fault. \`-\` reads standard input; a directory stands for the YAML and JSON files in it.
\`--format sarif\` and \`--format github\` write what code scanning and GitHub Actions read.

A document that is no YAML is told so, and the other documents of its file are still read. What is checked of the rules together, such as
conflicts between policies, is checked of those that have no fault of their own.

## Limits
A file has at most 4 MiB, 1,000 documents and 200,000 keys, values and marks; a document 1 MiB, 32 levels and 20 aliases; a regular
expression 1,000 characters and, with its counted repeats unfolded, 5,000 instructions. What is beyond is refused before it is parsed.

The compiler is tried with mutated documents: a few hundred in the suite, and as many as one likes with
\`AEGIS_FUZZ=10000 npx vitest run --project unit libs/policy/src/language/fuzz.test.ts\`.
`;
