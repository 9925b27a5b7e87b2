import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const text = (path: string) => readFileSync(new URL(`../../../../${path}`, import.meta.url), "utf8");

test("the reference lists exactly the requirements that are tested", () => {
  const tested = [...text("services/token/test/conformance.it.ts").matchAll(/^test\("(RFC \d+ §[\d.]+): (.*?)", /gm)];
  const listed = [...text("docs/reference/oauth.md").matchAll(/^\| (RFC \d+ §[\d.]+) \| (.*) \|$/gm)];
  expect(tested.length).toBeGreaterThan(20);
  expect(listed.map(([, rfc, what]) => [rfc, what])).toEqual(tested.map(([, rfc, what]) => [rfc, what]));
});
