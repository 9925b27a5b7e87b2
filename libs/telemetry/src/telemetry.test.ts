import { afterAll, expect, test } from "vitest";
import { startTelemetry } from "./telemetry.ts";

const telemetry = startTelemetry({ service: "test", instance: "test-0" });
afterAll(() => telemetry[Symbol.asyncDispose]());

const scraped = async (name: string) => (await telemetry.metricsText()).split("\n").filter((line) => line.startsWith(`${name}{`));

test("a counter adds up by its labels, and is there from the start", async () => {
  const calls = telemetry.counter("calls_total", "Calls.");
  expect(await scraped("calls_total")).toEqual([expect.stringMatching(/ 0$/)]);
  for (const amount of [1, 2]) calls.add(amount, { kind: "a" });
  calls.add(4, { kind: "b" });
  expect(await scraped("calls_total")).toEqual([
    expect.stringMatching(/ 0$/),
    expect.stringMatching(/kind="a".* 3$/),
    expect.stringMatching(/kind="b".* 4$/),
  ]);
});

test("whatever labels it is given, a counter keeps 2,000 sets of them at most, and no count is lost", async () => {
  const many = telemetry.counter("many_total", "Many.");
  for (let at = 0; at < 3_000; at++) many.add(1, { at: String(at) });
  const lines = await scraped("many_total");
  expect(lines.length).toBe(2_000);
  expect(lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0)).toBe(3_000);
  expect(lines.at(-1)).toContain("overflow");
});
