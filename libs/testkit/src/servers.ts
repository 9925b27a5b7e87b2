import { type NatsServerOptions, startNatsServer } from "@aegis/infra/nats-server";
import { freePort } from "@aegis/infra/ports";
import { startPostgres } from "@aegis/infra/postgres-server";
import type { RunningProcess } from "@aegis/infra/process";
import { startNatsContainer, startPostgresContainer } from "./containers.ts";
import { killOnExit, temporaryDirectory, toolsDirectory, usesContainers } from "./place.ts";

/** A server that can be killed and brought back on the same port with the same data. */
export interface TestServer extends AsyncDisposable {
  readonly url: string;
  /** SIGKILL, to it and all its children. */
  kill(): Promise<void>;
  /** Brings it back; nothing happens while it runs. */
  start(): Promise<void>;
}

export type NatsLogins = Pick<NatsServerOptions, "users" | "observable" | "tenants">;

export async function natsServer(logins: NatsLogins = {}): Promise<TestServer> {
  // Logins are written into the server's configuration file, which a container has its own of.
  if (usesContainers && logins.users === undefined) return startNatsContainer();
  const port = await freePort();
  return processServer("nats", (directory) => startNatsServer({ directory: `${directory}/nats`, port, toolsDirectory, ...logins }));
}

export async function postgresServer(): Promise<TestServer> {
  if (usesContainers) return startPostgresContainer();
  const port = await freePort();
  return processServer("postgres", (directory) => startPostgres({ directory: `${directory}/postgres`, port, toolsDirectory }));
}

async function processServer(
  name: string,
  launch: (directory: string) => Promise<{ url: string; process: RunningProcess }>,
): Promise<TestServer> {
  const directory = temporaryDirectory(name);
  let running: RunningProcess | undefined;
  const callOff = killOnExit(() => running?.kill("SIGKILL"));
  const launched = await launch(directory.path);
  running = launched.process;
  const kill = async () => {
    running?.kill("SIGKILL");
    await running?.exited;
    running = undefined;
  };
  return {
    url: launched.url,
    kill,
    async start() {
      if (running === undefined) running = (await launch(directory.path)).process;
    },
    async [Symbol.asyncDispose]() {
      await kill();
      callOff();
      directory[Symbol.dispose]();
    },
  };
}
