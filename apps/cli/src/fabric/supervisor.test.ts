import { startProcess } from "@aegis/infra/process";
import { afterEach, expect, test } from "vitest";
import { isAlive } from "./process-identity.ts";
import type { PartRecord } from "./record.ts";
import { Supervisor } from "./supervisor.ts";

let supervisor: Supervisor;
afterEach(() => supervisor.stop());

/** A supervisor whose record can be waited on. */
function watched() {
  const waiting = new Set<{ condition: (parts: PartRecord[]) => boolean; resolve: () => void }>();
  supervisor = new Supervisor({
    onChange: (parts) => {
      for (const one of waiting) if (one.condition(parts)) one.resolve();
    },
    onCrash: () => undefined,
    backoff: { firstMs: 1, mostMs: 5, resetAfterMs: 1_000 },
  });
  const until = (condition: (parts: PartRecord[]) => boolean): Promise<void> => {
    if (condition(supervisor.parts())) return Promise.resolve();
    return new Promise((resolve) => waiting.add({ condition, resolve }));
  };
  return { until };
}

const sleeper = (name: string, stage = 1) => ({ name, stage, start: () => startProcess({ command: "sleep", args: ["60"] }) });

test("what is killed is started again, as another process, and the record says so", async () => {
  const { until } = watched();
  await supervisor.start(sleeper("one"));
  const [first] = supervisor.parts();
  process.kill(first!.process!.pid, "SIGKILL");
  await until(([part]) => part?.restarts === 1 && part.process !== undefined);
  const [second] = supervisor.parts();
  expect(second!.process!.pid).not.toBe(first!.process!.pid);
  expect(second!.lastExit).toBe("killed by SIGKILL");
});

test("a part that keeps ending keeps being started", async () => {
  const { until } = watched();
  await supervisor.start({ name: "one", stage: 1, start: () => startProcess({ command: "false", args: [] }) });
  await until(([part]) => (part?.restarts ?? 0) >= 5);
  expect(supervisor.parts()[0]!.lastExit).toBe("exit status 1");
});

test("a record that cannot be written, as on a full disk, ends no restart loop", async () => {
  let writes = 0;
  const enough = Promise.withResolvers<void>();
  supervisor = new Supervisor({
    onChange: () => {
      writes += 1;
      if (writes > 10) enough.resolve();
      if (writes > 1) throw new Error("ENOSPC: no space left on device, write");
    },
    onCrash: () => {
      throw new Error("ENOSPC: no space left on device, write");
    },
    backoff: { firstMs: 1, mostMs: 5, resetAfterMs: 1_000 },
  });
  await supervisor.start({ name: "one", stage: 1, start: () => startProcess({ command: "false", args: [] }) });
  await enough.promise;
  expect(supervisor.parts()[0]!.restarts).toBeGreaterThan(3);
});

test("a stop ends everything, later stages first, and restarts nothing", async () => {
  watched();
  const ended: string[] = [];
  for (const [name, stage] of [
    ["store", 1],
    ["service", 2],
  ] as const) {
    await supervisor.start({
      ...sleeper(name, stage),
      start: async () => {
        const running = await startProcess({ command: "sleep", args: ["60"] });
        void running.exited.then(() => ended.push(name));
        return running;
      },
    });
  }
  const before = supervisor.parts();
  await supervisor.stop();
  expect(ended).toEqual(["service", "store"]);
  expect(before.some((part) => isAlive(part.process!))).toBe(false);
});

test("a first start that fails is the caller's to know", async () => {
  watched();
  await expect(
    supervisor.start({ name: "none", stage: 1, start: () => startProcess({ command: "/no/such/program", args: [] }) }),
  ).rejects.toThrow("cannot be started");
  expect(supervisor.parts()).toEqual([]);
});
