import { createServer } from "node:net";
import { connect } from "@nats-io/transport-node";
import { afterEach, describe, expect, test } from "vitest";
import { ensureNatsServer, generatePassword, startNatsServer } from "../src/nats-server.ts";
import { freePort } from "../src/ports.ts";
import { findTool } from "../src/tools.ts";
import { place } from "./place.ts";

describe("a NATS server of ours", () => {
  const stack = { current: new AsyncDisposableStack() };
  afterEach(async () => {
    await stack.current.disposeAsync();
    stack.current = new AsyncDisposableStack();
  });

  test("asks for a login, and keeps its configuration to itself", async () => {
    const { directory, toolsDirectory } = await place(stack.current);
    const login = { user: "token", password: generatePassword() };
    const server = stack.current.use(await startNatsServer({ directory, port: await freePort(), toolsDirectory, users: [login] }));
    await expect(connect({ servers: server.url, reconnect: false })).rejects.toThrow(/authorization/i);
    const connection = await connect({ servers: server.url, user: login.user, pass: login.password });
    expect(connection.info?.jetstream).toBe(true);
    await connection.close();
  });

  test("is found by its port when that is taken, in one sentence", async () => {
    const { directory, toolsDirectory } = await place(stack.current);
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    stack.current.defer(() => void other.close());
    const { port } = other.address() as { port: number };
    await expect(startNatsServer({ directory, port, toolsDirectory })).rejects.toMatchObject({
      code: "unavailable",
      message: `port ${port} on 127.0.0.1 is taken; NATS needs it`,
    });
  });

  test("a program that is named and missing is an error, not a reason to look elsewhere", async () => {
    process.env.AEGIS_NATS_SERVER = "/nowhere/nats-server";
    try {
      await expect(ensureNatsServer("/tmp")).rejects.toThrow("/nowhere/nats-server is not an absolute path of a program");
    } finally {
      delete process.env.AEGIS_NATS_SERVER;
    }
    expect(await findTool("no-such-program-of-ours")).toBeUndefined();
  });
});
