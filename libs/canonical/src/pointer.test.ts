import { expect, test } from "vitest";
import { escapeSegment, segmentsOf } from "./pointer.ts";

// RFC 6901 §5, and "~01", which is "~1" and no slash (§4).
test.each([
  ["", []],
  ["/foo/0", ["foo", "0"]],
  ["/", [""]],
  ["/a~1b", ["a/b"]],
  ["/m~0n", ["m~n"]],
  ["/~01", ["~1"]],
])("%j leads by %j, and back", (pointer, segments) => {
  expect(segmentsOf(pointer)).toEqual(segments);
  expect(segments.map((segment) => `/${escapeSegment(segment)}`).join("")).toBe(pointer);
});
