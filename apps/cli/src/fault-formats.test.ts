import { expect, test } from "vitest";
import { type Findings, forGitHub, forPeople, sarif } from "./fault-formats.ts";

const place = { file: "a b.yaml", line: 3, column: 7 };
const found: Findings = {
  files: ["z.yaml", "a b.yaml"],
  faults: [{ ...place, code: "unknown_key", message: '"x:y, 100%" means nothing', hint: 'did you mean "z"?' }],
  warnings: [{ ...place, file: "z.yaml", code: "opens_more", message: "every agent may", hint: "" }],
};
const plain = { style: (_: string, text: string) => text };

test("people read one sorted line for each, and a count", () => {
  expect(forPeople(found, plain)).toBe(
    [
      "z.yaml:3:7 warning opens_more every agent may",
      'a b.yaml:3:7 unknown_key "x:y, 100%" means nothing — did you mean "z"?',
      "1 fault and 1 warning in 2 files",
    ].join("\n"),
  );
  expect(forPeople({ ...found, faults: [] }, plain)).toMatch(/\n2 files are valid, with 1 warning$/);
  expect(forPeople({ files: ["a"], faults: [], warnings: [] }, plain)).toBe("1 file is valid");
});

test("what GitHub reads escapes what would end a property or a line", () => {
  expect(forGitHub(found).split("\n")).toEqual([
    "::warning file=z.yaml,line=3,col=7,title=opens_more::every agent may",
    '::error file=a b.yaml,line=3,col=7,title=unknown_key::"x:y, 100%25" means nothing — did you mean "z"?',
  ]);
});

test("SARIF names each rule once, and files as URIs", () => {
  expect(sarif(found)).toMatchObject({
    version: "2.1.0",
    runs: [
      {
        columnKind: "utf16CodeUnits",
        tool: { driver: { rules: [{ id: "unknown_key" }, { id: "opens_more" }] } },
        results: [
          { ruleId: "opens_more", ruleIndex: 1, level: "warning" },
          {
            ruleId: "unknown_key",
            ruleIndex: 0,
            level: "error",
            locations: [{ physicalLocation: { artifactLocation: { uri: "a%20b.yaml" }, region: { startLine: 3, startColumn: 7 } } }],
          },
        ],
      },
    ],
  });
});
