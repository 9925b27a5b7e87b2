import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { Output, table } from "./output.ts";

/** A terminal that keeps what it was told. */
function terminal() {
  const stream = Object.assign(new PassThrough(), { isTTY: true, hasColors: () => true, getColorDepth: () => 8 });
  return { stream: stream as unknown as NodeJS.WriteStream, told: () => stream.read()?.toString() as string };
}

test("what others wrote gives a terminal no orders: controls and marks that reorder are spelled out, our own styles stay", () => {
  const { stream, told } = terminal();
  const output = new Output({ json: false, stdout: stream, stderr: stream });
  const hostile = "pay\u001b]0;title\u0007\u001b[2J\u009b31m\r\u202eok\u0000 \ttab ü 😀";
  const spelled = "pay\\u001b]0;title\\u0007\\u001b[2J\\u009b31m\\u000d\\u202eok\\u0000 \ttab ü 😀";
  output.line(hostile);
  expect(told()).toBe(`${spelled}\n`);
  output.progress(hostile);
  expect(told()).toBe(`${spelled}\n`);
  output.result({}, () => `${hostile}\r\n${hostile}`);
  expect(told()).toBe(`${spelled}\r\n${spelled}\n`);
  const styled = output.style("red", hostile);
  output.line(`${styled} ${hostile}`);
  expect(told()).toBe(`${styled} ${spelled}\n`);
  expect(styled).toContain(spelled);
});

test("a cell of a table is one line, so nobody's name adds a row", () => {
  expect(table(["NAME", "STATE"], [["a\nroot  approved", "denied"]]).split("\n")).toHaveLength(2);
});
