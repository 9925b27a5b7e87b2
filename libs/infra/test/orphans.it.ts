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
  const supervisor = await startProcess({
    command: process.execPath,
    args: ["--input-type=module", "--eval", program(root, toolsDirectory, nats, postgres)],
  });
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

/** Starts both servers, says their process numbers, and waits to be killed. */
function program(root: string, toolsDirectory: string, nats: number, postgres: number): string {
  const nearby = (file: string) => JSON.stringify(import.meta.resolve(`../src/${file}`));
  const options = (name: string, port: number) => JSON.stringify({ directory: `${root}/${name}`, port, toolsDirectory });
  return `
    import { startNatsServer } from ${nearby("nats-server.ts")};
    import { startPostgres } from ${nearby("postgres-server.ts")};
    const nats = await startNatsServer(${options("nats", nats)});
    const postgres = await startPostgres(${options("postgres", postgres)});
    process.stdout.write("started " + nats.pid + " " + postgres.pid + "\\n");
    setInterval(() => undefined, 60_000);`;
}
