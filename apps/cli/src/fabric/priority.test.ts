import { spawn } from "node:child_process";
import { once } from "node:events";
import { getPriority } from "node:os";
import { expect, test } from "vitest";
import { yieldProcessor } from "./priority.ts";

test("a process that yields is nicer than before; one that is gone troubles nobody", async () => {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { detached: true });
  await once(child, "spawn");
  const pid = child.pid as number;
  try {
    const before = getPriority(pid);
    yieldProcessor(pid, before + 10);
    expect(getPriority(pid)).toBe(before + 10);
  } finally {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  expect(() => yieldProcessor(pid, 10)).not.toThrow();
});
