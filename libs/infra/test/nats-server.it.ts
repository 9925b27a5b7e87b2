import { createServer } from "node:net";
import { connect, headers } from "@nats-io/transport-node";
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

  test("lets someone without a login hear what is observable, with its headers, and do nothing else", async () => {
    const { directory, toolsDirectory } = await place(stack.current);
    const login = { user: "token", password: generatePassword() };
    const server = stack.current.use(
      await startNatsServer({ directory, port: await freePort(), toolsDirectory, users: [login], observable: ["seen.>"] }),
    );
    const observer = await connect({ servers: server.url });
    const user = await connect({ servers: server.url, user: login.user, pass: login.password });
    stack.current.defer(async () => void (await Promise.all([observer.close(), user.close()])));
    const created = await user.request("$JS.API.STREAM.CREATE.KEPT", JSON.stringify({ name: "KEPT", subjects: ["kept.>"] }));
    expect(created.json()).not.toHaveProperty("error");
    const heard = observer.subscribe("seen.by.>", { max: 1 });
    expect(await observer.subscribe("kept.>").closed).toBeInstanceOf(Error);
    for (const to of ["$JS.API.STREAM.NAMES", "seen.by.me", "kept.x"]) observer.publish(to, "", { reply: "kept.forged" });
    await observer.flush();
    const sent = headers();
    sent.set("Nats-Msg-Id", "1");
    user.publish("seen.by.all", "said", { headers: sent });
    for await (const message of heard) {
      expect([message.subject, message.string(), message.headers?.get("Nats-Msg-Id")]).toEqual(["seen.by.all", "said", "1"]);
    }
    const { state } = (await user.request("$JS.API.STREAM.INFO.KEPT")).json<{ state: { messages: number } }>();
    expect(state.messages).toBe(0);
  });

  test("keeps for its users what it stored before they had an account of their own", async () => {
    const { directory, toolsDirectory } = await place(stack.current);
    const port = await freePort();
    const before = await startNatsServer({ directory, port, toolsDirectory });
    const connection = await connect({ servers: before.url });
    await connection.request("$JS.API.STREAM.CREATE.KEPT", JSON.stringify({ name: "KEPT", subjects: ["kept.>"] }));
    await connection.request("kept.x", "1");
    await connection.close();
    await before.stop();
    const login = { user: "token", password: generatePassword() };
    const after = stack.current.use(await startNatsServer({ directory, port, toolsDirectory, users: [login] }));
    const user = await connect({ servers: after.url, user: login.user, pass: login.password });
    stack.current.defer(() => user.close());
    const { state } = (await user.request("$JS.API.STREAM.INFO.KEPT")).json<{ state: { messages: number } }>();
    expect(state.messages).toBe(1);
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
