import { expect, test } from "vitest";
import { scan } from "./detect.ts";
import { detectorNames } from "./detectors.ts";
import { prepareDetectors } from "./prepare.ts";
import { redact } from "./redact.ts";

const employee = { name: "employee_id", pattern: "EMP-[0-9]{6}" };
const found = (value: Parameters<typeof scan>[0], ...given: Parameters<typeof prepareDetectors>) =>
  scan(value, prepareDetectors(...given)).map(({ pointer, detector, start, end }) => [pointer, detector, start, end]);

test("a tenant's pattern is found beside the built-in detectors, in folded text, with ranges of the original", () => {
  expect(found({ note: "EMP-123456 <a@x.test>" }, ["employee_id", "email"], [employee])).toEqual([
    ["/note", "employee_id", 0, 10],
    ["/note", "email", 12, 20],
  ]);
  expect(found("see \uff25MP\u20111\u200b23456", ["employee_id"], [employee])).toEqual([["", "employee_id", 4, 15]]);
});

test("context words must stand near, or be the member's name", () => {
  const badge = { name: "badge", pattern: "[0-9]{6}", context: ["badge", "Ausweis (neu)"] };
  expect(found(["badge no 123456", "order 123456", "ausweis (neu) 123456"], ["badge"], [badge])).toEqual([
    ["/0", "badge", 9, 15],
    ["/2", "badge", 14, 20],
  ]);
  expect(found({ badgeNumber: 123456, count: 123456 }, ["badge"], [badge])).toEqual([["/badgeNumber", "badge", 0, 6]]);
});

test("without names, everything built in and everything of the tenant's looks", () => {
  expect(prepareDetectors(undefined, [employee]).names).toEqual([...detectorNames, "employee_id"]);
});

test("a tenant's own findings are replaced like any other", () => {
  const value = { id: "EMP-123456", other: "EMP 1" };
  const instructions = scan(value, prepareDetectors(undefined, [employee])).map((finding) => ({ finding, action: "hash" as const }));
  const { value: hidden, redactions } = redact(value, instructions, { hashKey: new Uint8Array(32) });
  expect(JSON.stringify(hidden)).toMatch(/^\{"id":"\[HASH:employee_id:[0-9a-f]{16}\]","other":"EMP 1"\}$/);
  expect(redactions).toEqual([{ pointer: "/id", detector: "employee_id", count: 1 }]);
});

test.each([
  ["a built-in name", ["email"], [{ name: "email", pattern: "x" }]],
  ["a name given twice", undefined, [employee, employee]],
  ["an unknown name", ["nobody"], []],
  ["a pattern that is not RE2", undefined, [{ name: "back", pattern: "(a)\\1" }]],
])("%s is refused", (_, names, own) => {
  expect(() => prepareDetectors(names, own)).toThrow(expect.objectContaining({ code: "invalid_argument" }));
});

test("a pattern that matches nothing finds nothing, and ends", () => {
  expect(found("abc", ["empty"], [{ name: "empty", pattern: "x*" }])).toEqual([]);
});
