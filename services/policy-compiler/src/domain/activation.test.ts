import { expect, test } from "vitest";
import { enforcement } from "./activation.ts";

const report = (replica: string, revision: number) => ({ replica, revision, activatedAt: 1, milliseconds: 84 });

test("a live replica enforces a revision once it says so or has reported so, and a later one counts too", () => {
  const live = [
    { replica: "authz-2", revision: 6 },
    { replica: "authz-0", revision: 7 },
    { replica: "authz-1", revision: 8 },
    { replica: "authz-3", revision: 0 },
  ];
  expect(enforcement(7, live, [report("authz-0", 7), report("authz-2", 7), report("authz-1", 6)])).toEqual([
    { replica: "authz-0", revision: 7, enforced: true, activatedAt: 1, milliseconds: 84 },
    { replica: "authz-1", revision: 8, enforced: true },
    { replica: "authz-2", revision: 7, enforced: true, activatedAt: 1, milliseconds: 84 },
    { replica: "authz-3", revision: 0, enforced: false },
  ]);
});

test("a replica that is gone counts for nothing", () => {
  expect(enforcement(7, [], [report("authz-0", 7)])).toEqual([]);
});
