import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { compile, type PolicyFile } from "../compile.ts";
import { type Fault, formatFault } from "../fault.ts";

const root = join(import.meta.dirname, "../../../../..");
const text = (path: string): string => readFileSync(join(root, path), "utf8");

interface Found {
  readonly at: string;
  readonly code: string;
  readonly hint?: string;
}

const { cases } = parse(text("vectors/policy/warnings/checks.yaml")) as {
  cases: { name: string; files: PolicyFile[]; faults?: Found[]; warnings?: Found[] }[];
};

describe("the static checks find", () => {
  test.each(cases)("$name", ({ files, faults = [], warnings = [] }) => {
    const result = compile(files, { tenant: "acme" });
    const shown = (found: readonly Fault<string>[], wanted: readonly Found[]) =>
      found.map(({ file, line, column, code, hint }, index) => ({
        at: `${file}:${line}:${column}`,
        code,
        ...(wanted[index]?.hint !== undefined && { hint }),
      }));
    expect(shown(result.ok ? [] : result.faults, faults)).toEqual(faults);
    expect(shown(result.warnings, warnings)).toEqual(warnings);
    expect(result.ok).toBe(faults.length === 0);
  });
});

/** Every document that the product shows. The vectors of decisions are about rules that nobody should write, too. */
function documents(): { name: string; files: PolicyFile[] }[] {
  const shown = ["README.md", "docs/reference/policy.md"].flatMap((name) =>
    [...text(name).matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map((match) => ({ name, files: [{ name, text: match[1] ?? "" }] })),
  );
  const whole = ["examples/payments", "examples/langgraph/policies", "vectors/policy/documents"].flatMap((directory) =>
    readdirSync(join(root, directory))
      .filter((name) => name.endsWith(".yaml"))
      .map((name) => ({ name, files: [{ name, text: text(`${directory}/${name}`) }] })),
  );
  return [...shown, ...whole];
}

test("no document that is shown gives a false alarm", () => {
  const alarms = documents().flatMap(({ files }) => compile(files, { tenant: "acme" }).warnings.map(formatFault));
  expect(alarms).toEqual([]);
});
