import { once } from "node:events";
import { connect } from "node:net";
import { AegisError } from "@aegis/contracts/errors";
import { Health } from "@aegis/service/health";
import { createLogger } from "@aegis/service/logger";
import type { ServiceContext } from "@aegis/service/run";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { callJson } from "./client.ts";
import { operatorAuth } from "./operator.ts";
import { createHttpServer, type HttpServer, listen } from "./server.ts";

const health = new Health();
const database = health.check("database");
const context = {
  health,
  logger: createLogger({ service: "test", instance: "test-0", level: "silent" }),
  instance: "test-0",
  telemetry: { metricsText: async () => "aegis_up 1\n" },
} as unknown as ServiceContext;

let server: HttpServer;
let base: string;
const keys = await generateKeyPair("EdDSA");

beforeAll(async () => {
  server = await createHttpServer(context);
  server.post("/v1/things", { schema: { body: z.object({ size: z.number().int() }) } }, async ({ body }) => ({ size: body.size }));
  server.post("/v1/own", { errorHandler: (_error, _request, reply) => void reply.status(400).send("own") }, async () => ({}));
  server.get("/v1/fault", async () => {
    throw new Error("a secret inside");
  });
  server.get("/v1/refused", async () => {
    throw new AegisError("unprocessable", "three faults", { details: { faults: [1, 2, 3] } });
  });
  server.get("/.well-known/openid-configuration", async () => ({ issuer: base, jwks_uri: `${base}/jwks` }));
  server.get("/jwks", async () => ({ keys: [{ ...(await exportJWK(keys.publicKey)), kid: "k", alg: "EdDSA" }] }));
  base = (await listen(server, { host: "127.0.0.1", port: 0 })).url;
});

afterAll(async () => server.close());

test("readiness says what is missing until it is there", async () => {
  const before = await fetch(`${base}/readyz`);
  expect([before.status, await before.json()]).toEqual([503, { ready: false, checks: { database: "starting" } }]);
  database.up();
  expect((await fetch(`${base}/readyz`)).status).toBe(200);
  expect(await (await fetch(`${base}/metrics`)).text()).toBe("aegis_up 1\n");
});

test("errors are problem details; an unexpected one keeps its text to itself", async () => {
  await expect(callJson(`${base}/v1/refused`)).rejects.toMatchObject({
    code: "unprocessable",
    message: "three faults",
    details: { faults: [1, 2, 3] },
  });
  await expect(callJson(`${base}/v1/fault`)).rejects.toMatchObject({ code: "internal", message: "internal error" });
  await expect(callJson(`${base}/v1/nowhere`)).rejects.toMatchObject({ code: "not_found" });
  await expect(callJson(`${base}/v1/things`, { json: { size: "big" } })).rejects.toMatchObject({
    code: "invalid_argument",
    details: { faults: [{ at: "body/size" }] },
  });
});

test("an operator is who the issuer says, with the roles of that tenant only", async () => {
  const token = (audience: string, issuer = base) =>
    new SignJWT({ aegis_roles: { acme: ["approver"] } })
      .setProtectedHeader({ alg: "EdDSA", kid: "k" })
      .setSubject("alice")
      .setIssuer(issuer)
      .setAudience(audience)
      .setExpirationTime("1m")
      .sign(keys.privateKey);
  const auth = operatorAuth({ issuer: base });
  const alice = await auth.authenticate(`Bearer ${await token("aegis-control")}`);
  expect([alice.user, alice.has("acme", "approver"), alice.has("other", "approver"), alice.has("acme", "admin")]).toEqual([
    "alice",
    true,
    false,
    false,
  ]);
  expect(() => alice.require("other", "approver")).toThrow("roles approver in other");
  await expect(auth.authenticate(`Bearer ${await token("someone-else")}`)).rejects.toMatchObject({ code: "unauthenticated" });
  await expect(auth.authenticate(`Bearer ${await token("aegis-control", "http://evil.test")}`)).rejects.toMatchObject({
    code: "unauthenticated",
  });
  await expect(auth.authenticate(undefined)).rejects.toMatchObject({ code: "unauthenticated" });
});

const tooLarge = {
  status: 413,
  title: "Content Too Large",
  code: "invalid_argument",
  detail: "the body exceeds the limit of 2097152 bytes",
};

test("a body over the limit is refused with the limit, however it is sent, and the connection goes on", async () => {
  for (const size of [2 * 1024 * 1024 + 1, 16 * 1024 * 1024]) {
    const bytes = Buffer.alloc(size, 32);
    const chunked = () => new ReadableStream({ type: "bytes", pull: sendAll(bytes) });
    for (const body of [bytes, chunked]) {
      for (let i = 0; i < 2; i++) {
        const sent = typeof body === "function" ? { body: body(), duplex: "half" as const } : { body };
        const response = await fetch(`${base}/v1/things`, { method: "POST", headers: { "content-type": "application/json" }, ...sent });
        expect([response.status, response.headers.get("content-type")]).toEqual([413, "application/problem+json; charset=utf-8"]);
        expect(await response.json()).toMatchObject(tooLarge);
      }
    }
  }
});

test.each([
  ["/v1/things", /^HTTP\/1\.1 413 [\s\S]*the limit of 2097152 bytes[\s\S]*HTTP\/1\.1 200 /],
  ["/v1/own", /^HTTP\/1\.1 400 [\s\S]*own[\s\S]*HTTP\/1\.1 200 /],
])("a client that sends all before it listens gets the answer of %s too, and its next request another", async (path, answers) => {
  const { port } = new URL(base);
  const body = 20 * 1024 * 1024;
  const socket = connect(Number(port), "127.0.0.1");
  const head = (to: string, length: number) =>
    `POST ${to} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;
  socket.pause();
  socket.write(head(path, body));
  await new Promise<unknown>((resolve, reject) => socket.once("error", reject).write(Buffer.alloc(body, 32), resolve));
  const next = JSON.stringify({ size: 3 });
  socket.write(head("/v1/things", next.length) + next);
  let heard = "";
  socket.on("data", (chunk) => {
    heard += chunk.toString();
    if (heard.includes('{"size":3}')) socket.end();
  });
  socket.resume();
  await once(socket, "close");
  expect(heard).toMatch(answers);
});

/** Pulls for a stream of the bytes in parts of 64 KiB. */
function sendAll(bytes: Uint8Array) {
  let offset = 0;
  return (controller: ReadableByteStreamController) => {
    if (offset >= bytes.length) return controller.close();
    controller.enqueue(new Uint8Array(bytes.subarray(offset, offset + 65_536)));
    offset += 65_536;
  };
}

test("a client that sends its head a little at a time is told 408 and is gone", async () => {
  const impatient = await createHttpServer({ ...context, health: new Health() }, { headMs: 500 });
  await using listening = await listen(impatient, { host: "127.0.0.1", port: 0 });
  const socket = connect(Number(new URL(listening.url).port), "127.0.0.1");
  socket.write("POST /v1/things HTTP/1.1\r\nhost: x\r\n");
  const drip = setInterval(() => socket.write("x: y\r\n"), 100);
  let heard = "";
  socket
    .on("error", () => undefined)
    .on("data", (chunk) => {
      heard += chunk.toString();
    });
  await once(socket, "close");
  clearInterval(drip);
  expect(heard).toMatch(/^HTTP\/1\.1 408 /);
});

test("more headers than fit are refused", async () => {
  const headers = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`x-flood-${i}`, "y".repeat(64)]));
  expect((await fetch(`${base}/healthz`, { headers })).status).toBe(431);
});
