import type { CaseResult, TestReport } from "./run-tests.ts";

/** A report as JUnit XML, as CI servers read it. `at` is when it ran. */
export function junitXml({ cases, failed }: Pick<TestReport, "cases" | "failed">, options: { readonly at: Date }): string {
  const suites = Map.groupBy(cases, ({ suite }) => suite);
  const timestamp = options.at.toISOString().slice(0, 19);
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="aegis policy test" tests="${cases.length}" failures="${failed}" errors="0" time="0">`,
    ...[...suites].flatMap(([suite, own]) => [
      `  <testsuite name="${escaped(suite)}" tests="${own.length}" failures="${own.filter(({ ok }) => !ok).length}" errors="0" skipped="0" time="0" timestamp="${timestamp}" hostname="localhost">`,
      ...own.flatMap(testCase),
      "  </testsuite>",
    ]),
    "</testsuites>",
  ];
  return `${lines.join("\n")}\n`;
}

function testCase(result: CaseResult): string[] {
  const { suite, name, rule, ok } = result;
  const start = `    <testcase name="${escaped(name)}" classname="${escaped(suite)}" time="0"`;
  if (ok) return [`${start}/>`];
  const failure = explainFailure(result);
  const message = escaped(`${rule} ${failure[0] ?? ""}`);
  return [
    `${start}>`,
    `      <failure message="${message}" type="policy">${escaped([rule, ...failure].join("\n"))}</failure>`,
    "    </testcase>",
  ];
}

/** Why a case failed: each thing that is otherwise, then the reasons the policies gave. */
export function explainFailure({ mismatches, got }: CaseResult): string[] {
  return [
    ...mismatches.map(({ what, expected, got: found }) => `${what}: expected ${expected}, got ${found}`),
    ...got.reasons.map(({ code, message, pointer, rule }) =>
      [code, message, ...(pointer === undefined ? [] : [`at ${pointer}`]), ...(rule === undefined ? [] : [`(${rule})`])].join(" "),
    ),
  ];
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
  "\n": "&#10;",
  "\t": "&#9;",
  "\r": "&#13;",
};

/** Text that may stand anywhere in XML 1.0; what may not be there at all, not even escaped, becomes U+FFFD. */
const escaped = (text: string): string =>
  text
    .toWellFormed()
    // biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 §2.2 forbids these.
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd")
    .replace(/[&<>"'\n\t\r]/g, (character) => entities[character] as string);
