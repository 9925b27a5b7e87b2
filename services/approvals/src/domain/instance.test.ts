import { expect, test } from "vitest";
import { bindingInstance } from "./instance.ts";

test("a named instance binds, one made up for a single token does not", () => {
  expect(bindingInstance("worker-1")).toBe("worker-1");
  expect(bindingInstance("i-00ff00ff00ff00ff")).toBe("");
  expect(bindingInstance("i-00ff00ff00ff00ffa")).toBe("i-00ff00ff00ff00ffa");
});
