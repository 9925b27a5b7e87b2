import { expect, test } from "vitest";
import { publishedNames } from "./policy-files.ts";

test("a file inside the current directory is named from there, one outside by its base name", () => {
  expect(publishedNames(["policies/a.yaml", "/home/jo/work/b.yaml", "/etc/secret-place/c.yaml"], "/home/jo/work")).toEqual([
    "policies/a.yaml",
    "b.yaml",
    "c.yaml",
  ]);
});

test("two files of one base name stay apart, whatever the order", () => {
  expect(publishedNames(["/etc/x/a.yaml", "/etc/y/a.yaml", "../a.yaml", "a.yaml"], "/home/work")).toEqual([
    "x/a.yaml",
    "y/a.yaml",
    "home/a.yaml",
    "a.yaml",
  ]);
});
