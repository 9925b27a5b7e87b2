import { expect, test } from "vitest";
import { Backlog } from "./backlog.ts";

/** A loop whose every turn works for `busy` milliseconds and then waits for `idle`. */
function loop() {
  let [now, idled] = [1_000, 0];
  const backlog = new Backlog(
    () => now,
    () => idled,
  );
  return {
    run(turns: number, { busy, idle }: { busy: number; idle: number }) {
      for (let turn = 0; turn < turns; turn++) {
        now += busy;
        backlog.turn();
        now += idle;
        idled += idle;
      }
      return backlog.behind();
    },
  };
}

test("a loop that has idle moments is not behind, however long one of its turns is", () => {
  const one = loop();
  expect(one.run(300, { busy: 7, idle: 3 })).toBe(false);
  expect(one.run(1, { busy: 300, idle: 0 })).toBe(false);
  expect(one.run(300, { busy: 7, idle: 3 })).toBe(false);
});

test("a loop without an idle moment for a second is behind, and is not any more once it had some", () => {
  const one = loop();
  one.run(100, { busy: 7, idle: 3 });
  expect(one.run(100, { busy: 10, idle: 0.05 })).toBe(true);
  expect(one.run(110, { busy: 7, idle: 3 })).toBe(false);
});
