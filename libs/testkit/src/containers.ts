import { freePort } from "@aegis/infra/ports";
import type { StartedTestContainer } from "testcontainers";
import type { TestServer } from "./servers.ts";

const natsImage = "nats:2.14.5-alpine";
const postgresImage = "postgres:18.4-alpine";
const password = "aegis-test";

export async function startNatsContainer(): Promise<TestServer> {
  const { GenericContainer, Wait } = await import("testcontainers");
  const host = await freePort();
  const container = await new GenericContainer(natsImage)
    .withCommand(["-js", "-sd", "/data"])
    .withExposedPorts({ container: 4222, host })
    .withWaitStrategy(Wait.forListeningPorts())
    .start();
  return server(container, `nats://${container.getHost()}:${host}`);
}

export async function startPostgresContainer(): Promise<TestServer> {
  const { GenericContainer, Wait } = await import("testcontainers");
  const host = await freePort();
  const container = await new GenericContainer(postgresImage)
    .withEnvironment({ POSTGRES_PASSWORD: password })
    .withCommand(["postgres", "-c", "max_connections=200"])
    .withExposedPorts({ container: 5432, host })
    // The image starts the server twice on first use.
    .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2))
    .start();
  return server(container, `postgres://postgres:${password}@${container.getHost()}:${host}/postgres`);
}

function server(container: StartedTestContainer, url: string): TestServer {
  let killed = false;
  return {
    url,
    async kill() {
      await container.exec(["kill", "-9", "1"]).catch(() => undefined);
      killed = true;
    },
    async start() {
      if (killed) await container.restart();
      killed = false;
    },
    async [Symbol.asyncDispose]() {
      await container.stop();
    },
  };
}
