import { expect, test } from "vitest";
import { parseIfMatch, requireMatch } from "./precondition.ts";

const head = { revision: 7, version: "7-0123456789ab" };

test("a writer may name the head by number, by version, by any of several, or ask only that there is one", () => {
  for (const header of [undefined, "*", '"7"', '"7-0123456789ab"', '"3", "7"']) {
    expect(() => requireMatch(head, parseIfMatch(header))).not.toThrow();
  }
  expect(() => requireMatch(undefined, parseIfMatch('"0"'))).not.toThrow();
});

test("a writer who saw another head is refused and told the head", () => {
  for (const header of ['"6"', '"0"', '"7-0123456789ac"', '"3", "5"']) {
    expect(() => requireMatch(head, parseIfMatch(header))).toThrow(
      expect.objectContaining({ code: "precondition_failed", details: { head } }),
    );
  }
  for (const header of ["*", '"1"']) {
    expect(() => requireMatch(undefined, parseIfMatch(header))).toThrow(expect.objectContaining({ details: { head: null } }));
  }
});

test("a header that is no entity tag is refused, not ignored", () => {
  for (const header of ["", "7", '"7', 'W/"7"', '"7", *', '""']) {
    expect(() => parseIfMatch(header)).toThrow(expect.objectContaining({ code: "invalid_argument" }));
  }
});
