import { expect, test } from "vitest";
import { enforcement, skewOf } from "./activation.ts";

const report = (replica: string, revision: number) => ({ replica, revision, activatedAt: 1, milliseconds: 84 });

test("a live replica enforces a revision once it says so or has reported so, and a later one counts too", () => {
  const live = [
    { replica: "authz-2", revision: 6, prepared: 0 },
    { replica: "authz-0", revision: 7, prepared: 0, since: 5, refused: "no" },
    { replica: "authz-1", revision: 8, prepared: 0 },
    { replica: "authz-3", revision: 0, prepared: 7 },
  ];
  expect(enforcement(7, live, [report("authz-0", 7), report("authz-2", 7), report("authz-1", 6)])).toEqual([
    { replica: "authz-0", revision: 7, prepared: 0, enforced: true, activatedAt: 5, milliseconds: 84, refused: "no" },
    { replica: "authz-1", revision: 8, prepared: 0, enforced: true },
    { replica: "authz-2", revision: 7, prepared: 0, enforced: true, activatedAt: 1, milliseconds: 84 },
    { replica: "authz-3", revision: 0, prepared: 7, enforced: false },
  ]);
});

test("a replica that is gone counts for nothing", () => {
  expect(enforcement(7, [], [report("authz-0", 7)])).toEqual([]);
});

test("the skew is known once every replica said when it switched to that very revision", () => {
  const at = (replica: string, revision: number, activatedAt?: number) => ({
    ...{ replica, revision, prepared: 0, enforced: true },
    ...(activatedAt === undefined ? {} : { activatedAt }),
  });
  expect(skewOf(7, [at("a", 7, 103), at("b", 7, 100), at("c", 7, 101)])).toBe(3);
  expect(skewOf(7, [at("a", 7, 103), at("b", 8, 100)])).toBeUndefined();
  expect(skewOf(7, [at("a", 7, 103), at("b", 7)])).toBeUndefined();
  expect(skewOf(7, [])).toBeUndefined();
});
