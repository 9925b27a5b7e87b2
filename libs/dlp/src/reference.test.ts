import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { detectorNames, scanText } from "./detect.ts";

const page = readFileSync(new URL("../../../docs/reference/dlp.md", import.meta.url), "utf8");
const sections = page.split(/^## /m).map((section) => ({ name: section.slice(0, section.indexOf("\n")), text: section }));
const examples = sections
  .filter(({ name }) => detectorNames.some((detector) => detector === name))
  .flatMap(({ name, text }) =>
    [...text.matchAll(/^\| `(.+)` \| (?:`(.+)`|nothing) \|$/gm)].map(([, given, found]) => ({ name, given: given ?? "", found })),
  );

test("the reference has a section with something found and something left alone for every detector", () => {
  for (const detector of detectorNames) {
    const own = examples.filter(({ name }) => name === detector);
    expect(own.some(({ found }) => found !== undefined) && own.some(({ found }) => found === undefined), detector).toBe(true);
  }
});

test.each(examples)("the reference says of $name: in $given there is $found", ({ name, given, found }) => {
  const spans = scanText(given, [name]).map(({ start, end }) => given.slice(start, end));
  expect(spans).toEqual(found === undefined ? [] : [found]);
});
