import { expect, test } from "vitest";
import { vitestCounts } from "./vitest-report.ts";

test("tests are counted by status, and what did not pass is named with its file", () => {
  const counts = vitestCounts(
    {
      testResults: [
        {
          name: "/clone/libs/a/src/a.test.ts",
          status: "failed",
          assertionResults: [
            { fullName: "holds", status: "passed" },
            { fullName: "breaks", status: "failed" },
            { fullName: "waits", status: "pending" },
          ],
        },
      ],
    },
    "/clone",
  );
  expect(counts).toEqual({
    passed: 1,
    failed: 1,
    skipped: 1,
    notes: ["failed: libs/a/src/a.test.ts: breaks", "skipped: libs/a/src/a.test.ts: waits"],
  });
});

test("a file that cannot be loaded is a failure, though it has no tests", () => {
  const counts = vitestCounts(
    { testResults: [{ name: "/clone/b.test.ts", status: "failed", message: "no such import\n  at x", assertionResults: [] }] },
    "/clone",
  );
  expect(counts).toEqual({ passed: 0, failed: 1, skipped: 0, notes: ["failed: b.test.ts: no such import"] });
});
