import fc from "fast-check";
import { expect, test } from "vitest";
import vectors from "../../../vectors/tokens/scopes.json" with { type: "json" };
import { covers, formatScope, intersect, parseScope, permits, scopeItem, toolScope } from "./scope.ts";

test.each(vectors.valid)("$text is a scope", ({ text, items }) => {
  expect(parseScope(text)).toEqual(items);
});

test.each(vectors.invalid)("%j is not a scope", (text) => {
  expect(() => parseScope(text)).toThrow("not a scope item");
});

test.each(vectors.covers)("$granted covers $wanted: $covered", ({ granted, wanted, covered }) => {
  expect(covers(parseScope(granted), parseScope(wanted))).toBe(covered);
});

test.each(vectors.intersect)("$a and $b have in common: $both", ({ a, b, both }) => {
  expect(formatScope(intersect(parseScope(a), parseScope(b)))).toBe(both);
});

// Few names, so that coincidences are common; colons, dots and stars where they could deceive.
const name = fc.constantFrom("a", "b", "a:b", "b:c", "a.b", "A", "a/b");
const item = fc.oneof(
  fc.tuple(name, name).map(([tool, action]) => scopeItem(tool, action)),
  name.map(toolScope),
);
const scope = fc.array(item, { maxLength: 5 }).map((items) => parseScope(items.join(" ")));

test("an intersection permits exactly the calls that both permit", () => {
  fc.assert(
    fc.property(scope, scope, name, name, (a, b, tool, action) => {
      expect(permits(intersect(a, b), tool, action)).toBe(permits(a, tool, action) && permits(b, tool, action));
    }),
    { numRuns: 20_000 },
  );
});

test("what covers a scope permits every call it permits", () => {
  fc.assert(
    fc.property(scope, scope, name, name, (granted, wanted, tool, action) => {
      if (covers(granted, wanted) && permits(wanted, tool, action)) expect(permits(granted, tool, action)).toBe(true);
    }),
    { numRuns: 20_000 },
  );
});

test("no text is a way around the grammar: a grant permits a call only by naming its tool", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme-ascii", maxLength: 12 }),
      fc.string({ unit: "grapheme-ascii", maxLength: 12 }),
      name,
      (x, y, tool) => {
        const granted = [`${x}:${y}`];
        if (permits(granted, tool, "read")) expect([scopeItem(tool, "read"), toolScope(tool)]).toContain(granted[0]);
        expect(permits(parseScope("a:read"), x, y)).toBe(x === "a" && y === "read");
      },
    ),
    { numRuns: 10_000 },
  );
});
