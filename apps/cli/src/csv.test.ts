import { expect, test } from "vitest";
import { csv } from "./csv.ts";

test("every row is one line of RFC 4180, whatever is in it", () => {
  expect(
    csv([
      ["prompt", "usd"],
      ['a "b", c', 1.5],
      ["x\ny", 0],
    ]),
  ).toBe('prompt,usd\r\n"a ""b"", c",1.5\r\n"x\ny",0');
});

test("no name of an agent's making is a formula", () => {
  expect(
    csv([
      ["=HYPERLINK(1)", -3],
      ["-1+2", 0],
      ["@a", 0],
      ["plain", 0],
    ]),
  ).toBe("'=HYPERLINK(1),-3\r\n'-1+2,0\r\n'@a,0\r\nplain,0");
});
