import { relative } from "node:path";
import type { Counts } from "./stage.ts";

/** What we read of vitest's JSON report (Jest's format). */
export interface VitestReport {
  testResults: {
    name: string;
    status: string;
    message?: string;
    assertionResults: { fullName: string; status: string; meta?: { skipReason?: string } }[];
  }[];
}

/** Counts a report. A file that could not even be loaded counts as one failure. */
export function vitestCounts(report: VitestReport, root: string): Counts & { notes: string[] } {
  const counts = { passed: 0, failed: 0, skipped: 0, notes: [] as string[] };
  for (const file of report.testResults) {
    const name = relative(root, file.name);
    if (file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed")) {
      counts.failed += 1;
      counts.notes.push(`failed: ${name}${file.message ? `: ${file.message.split("\n")[0]}` : ""}`);
    }
    for (const test of file.assertionResults) {
      if (test.status === "passed") counts.passed += 1;
      else if (test.status === "failed") counts.failed += 1;
      else counts.skipped += 1;
      if (test.status !== "passed") counts.notes.push(`${test.status === "failed" ? "failed" : "skipped"}: ${name}: ${test.fullName}`);
    }
  }
  return counts;
}
