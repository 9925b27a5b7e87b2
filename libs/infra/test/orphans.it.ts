import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { startNatsServer } from "../src/nats-server.ts";
import { describe } from "../src/orphan.ts";
import { freePort } from "../src/ports.ts";
import { startPostgres } from "../src/postgres-server.ts";
import { startProcess } from "../src/process.ts";
import { place } from "./place.ts";

const stack = new AsyncDisposableStack();
afterEach(() => stack.disposeAsync());

test("servers whose supervisor was killed are replaced by the next start, on the same ports and data", async () => {
  const { root, toolsDirectory } = await place(stack);
  const [nats, postgres] = [await freePort(), await freePort()];
  const args = [join(import.meta.dirname, "start-stores.ts"), root, toolsDirectory, String(nats), String(postgres)];
  const supervisor = await startProcess({ command: process.execPath, args });
  await expect.poll(() => supervisor.output(), { timeout: 30_000 }).toMatch(/started \d+ \d+/);
  const orphans = /started (\d+) (\d+)/.exec(supervisor.output())?.slice(1).map(Number) ?? [];
  process.kill(supervisor.pid, "SIGKILL");
  await supervisor.exited;
  for (const pid of orphans) expect(await describe(pid)).toBeDefined();
  const servers = [
    stack.use(await startNatsServer({ directory: `${root}/nats`, port: nats, toolsDirectory })),
    stack.use(await startPostgres({ directory: `${root}/postgres`, port: postgres, toolsDirectory })),
  ];
  for (const pid of orphans) expect(await describe(pid)).toBeUndefined();
  expect(servers.map((server) => server.pid)).not.toEqual(orphans);
});
