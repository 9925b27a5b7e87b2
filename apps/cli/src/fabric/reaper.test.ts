import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startProcess } from "@aegis/infra/process";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startReaper } from "./reaper.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "aegis-reaper-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test("a supervisor that is killed takes its children with it", async () => {
  await using child = await startProcess({ command: "sleep", args: ["60"] });
  const pids = join(directory, "pids");
  await writeFile(pids, `${child.pid}`);
  const script = `import { startReaper } from ${JSON.stringify(join(import.meta.dirname, "reaper.ts"))};
    startReaper(${JSON.stringify(pids)});
    setInterval(() => {}, 1000);
    console.log("watching");`;
  const supervisor = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  await once(supervisor.stdout, "data");
  supervisor.kill("SIGKILL");
  expect((await child.exited).signal).toBe("SIGTERM");
});

test("a supervisor that stopped in good order leaves nothing to end", async () => {
  await using child = await startProcess({ command: "sleep", args: ["60"] });
  const pids = join(directory, "pids");
  const reaper = startReaper(pids);
  reaper.ref();
  reaper.stdin?.end();
  await once(reaper, "exit");
  expect(child.exit()).toBeUndefined();
});
