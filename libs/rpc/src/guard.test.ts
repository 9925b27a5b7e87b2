import { once } from "node:events";
import { type ClientHttp2Session, connect } from "node:http2";
import { connect as connectTcp } from "node:net";
import { AuthorizationService, Decision } from "@aegis/contracts/aegis/authz/v1/authz";
import { freePort } from "@aegis/infra/ports";
import { Health } from "@aegis/service/health";
import { createLogger } from "@aegis/service/logger";
import type { ServiceContext } from "@aegis/service/run";
import { certificateAuthority } from "@aegis/testkit/certificates";
import { Server } from "@grpc/grpc-js";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { rpcClient } from "./client.ts";
import { boundSessions } from "./guard.ts";
import { createRpcServer } from "./server.ts";

const logger = createLogger({ service: "test", instance: "test-0", level: "silent" });
const context = { health: new Health(), logger, instance: "test-0" } as ServiceContext;
let server: AsyncDisposable & { readonly address: string };
const opened: ClientHttp2Session[] = [];

beforeAll(async () => {
  const rpc = createRpcServer(context, { greetingMs: 300, requestMs: 300, pings: 50, settings: 20 });
  rpc.serve(AuthorizationService, { check: async () => ({ decision: Decision.ALLOW }) });
  server = await rpc.listen({ host: "127.0.0.1", port: 0 });
});
afterEach(async () => {
  for (const session of opened.splice(0)) session.destroy();
  // Whatever was tried, others are served.
  using client = rpcClient(AuthorizationService, server.address);
  expect((await client.check({ tool: "t" })).decision).toBe(Decision.ALLOW);
});
afterAll(async () => server[Symbol.asyncDispose]());

const path = "/aegis.authz.v1.AuthorizationService/Check";
const head = { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" };

/** Each test comes from an address of its own: all of 127/8 is this machine. */
let from = 1;
beforeEach(() => void from++);

function session(localAddress = `127.0.0.${from}`): ClientHttp2Session {
  const [host = "", port] = server.address.split(":");
  const createConnection = () => connectTcp({ host, port: Number(port), localAddress });
  const made = connect(`http://${server.address}`, { maxOutstandingPings: 10_000, createConnection });
  made.on("error", () => undefined);
  opened.push(made);
  return made;
}

/** Resolves when it is closed, with an error or without. */
const closing = (of: NodeJS.EventEmitter) => new Promise<void>((resolve) => of.once("close", () => resolve()));

test("grpc-js hands our bounds to node:http2 as it stands", () => {
  const plain = new Server();
  boundSessions(plain);
  expect(plain).toMatchObject({
    commonServerOptions: {
      handshakeTimeout: 10_000,
      streamResetBurst: 300,
      maxHeaderListPairs: 128,
      settings: { maxHeaderListSize: 32_768 },
    },
    http2Servers: expect.any(Map),
  });
});

/** Opens and resets streams until the connection is gone. */
async function resetRapidly(): Promise<void> {
  const attacker = session();
  await once(attacker, "connect");
  const closed = closing(attacker);
  for (let i = 0; i < 4_000 && !attacker.destroyed; i++) {
    const stream = attacker.request(head);
    stream.on("error", () => undefined);
    stream.close(8);
    if (i % 100 === 0) await new Promise(setImmediate);
  }
  await closed;
}

test("a client that opens and resets streams at once loses its connection", resetRapidly);

test("who does so for a third time is not let in for a while, and no other address is kept out", async () => {
  for (let i = 0; i < 3; i++) await resetRapidly();
  const again = session();
  await closing(again);
  const other = session("127.0.0.99").request(head);
  other.on("error", () => undefined);
  other.end();
  await once(other, "response");
});

test("who speaks another protocol, as often as it likes, is not kept out", async () => {
  const [host = "", port] = server.address.split(":");
  for (let i = 0; i < 5; i++) {
    const probe = connectTcp({ host, port: Number(port), localAddress: `127.0.0.${from}` });
    probe.on("error", () => undefined);
    probe.end("GET / HTTP/1.1\r\n\r\n");
    probe.resume();
    await closing(probe);
  }
  const call = session().request(head);
  call.on("error", () => undefined);
  call.end();
  await once(call, "response");
});

test("a request that never ends is cancelled", async () => {
  const stream = session().request(head);
  stream.on("error", () => undefined);
  stream.write(Buffer.from([0, 0]));
  await closing(stream);
  expect(stream.rstCode).toBe(8);
});

test("a connection on which nothing is said is closed", async () => {
  const [host = "", port] = server.address.split(":");
  const socket = connectTcp(Number(port), host);
  socket.on("error", () => undefined);
  socket.resume();
  await closing(socket);
});

test("nor is one kept that begins no TLS handshake", async () => {
  const authority = await certificateAuthority();
  const own = await authority.certify("server");
  const port = await freePort();
  const mutualTls = { port, certificate: own.cert, key: own.key, clientAuthorities: authority.ca };
  await using _ = await createRpcServer(context, { greetingMs: 300 }).listen({ host: "127.0.0.1", port: 0, mutualTls });
  const socket = connectTcp(port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.resume();
  await closing(socket);
});

test("a client that pings, or changes its settings, without end loses its connection", async () => {
  const pinging = session();
  await once(pinging, "connect");
  const gone = closing(pinging);
  for (let i = 0; i < 200 && !pinging.destroyed; i++) pinging.ping(() => undefined);
  await gone;
  const changing = session();
  await once(changing, "connect");
  const closed = closing(changing);
  for (let i = 0; i < 40 && !changing.destroyed; i++) {
    changing.settings({ initialWindowSize: 65_535 + i });
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await closed;
});

test("a flood of metadata is refused", async () => {
  const flood = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`x-flood-${i}`, "y"]));
  const stream = session().request({ ...head, ...flood });
  let status: number | undefined;
  stream.on("error", () => undefined);
  stream.on("response", (headers) => {
    status = headers[":status"];
  });
  stream.end();
  await closing(stream);
  expect([undefined, 431]).toContain(status);
});
