import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ApprovalsService } from "@aegis/contracts/aegis/approvals/v1/approvals";
import { AuthorizationService, Decision } from "@aegis/contracts/aegis/authz/v1/authz";
import { AegisError } from "@aegis/contracts/errors";
import { Health } from "@aegis/service/health";
import { createLogger } from "@aegis/service/logger";
import type { ServiceContext } from "@aegis/service/run";
import { Metadata } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { Admission } from "./admission.ts";
import { rpcClient } from "./client.ts";
import { peerToken, peerVerifier } from "./peer.ts";
import { createRpcServer } from "./server.ts";

const health = new Health();
const context = {
  health,
  logger: createLogger({ service: "test", instance: "test-0", level: "silent" }),
  instance: "test-0",
} as ServiceContext;

let server: AsyncDisposable & { readonly address: string };

beforeAll(async () => {
  const rpc = createRpcServer(context);
  rpc.serve(AuthorizationService, {
    async check(request, call) {
      if (request.tool === "refuse") throw new AegisError("precondition_failed", "not like this");
      if (request.tool === "fault") throw new Error("a secret inside");
      return { decision: Decision.ALLOW, decisionId: String(call.metadata.get("x-test")[0] ?? "") };
    },
  });
  rpc.serve(ApprovalsService, {
    async *watch(request) {
      yield { approvalId: request.approvalId, state: "pending" };
      yield { approvalId: request.approvalId, state: "approved" };
    },
  });
  server = await rpc.listen({ host: "127.0.0.1", port: 0 });
});

afterAll(async () => server[Symbol.asyncDispose]());

test("a call travels with its metadata and answers typed", async () => {
  using client = rpcClient(AuthorizationService, server.address);
  const answer = await client.check({ tool: "t" }, { metadata: { "x-test": "yes" } });
  expect(answer).toMatchObject({ decision: Decision.ALLOW, decisionId: "yes" });
});

test("our error crosses with its code; a fault inside says nothing of itself", async () => {
  using client = rpcClient(AuthorizationService, server.address);
  await expect(client.check({ tool: "refuse" })).rejects.toMatchObject({ code: "precondition_failed", message: "not like this" });
  await expect(client.check({ tool: "fault" })).rejects.toMatchObject({ code: "internal", message: "internal error" });
  await expect(client.checkResult({})).rejects.toMatchObject({ code: "unimplemented" });
});

test("of many calls at once some are let in, and the others are told at once when to come back; afterwards there is room again", async () => {
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  let refused = 0;
  const rpc = createRpcServer(context, {}, { inFlight: 8, onRefused: () => refused++ });
  rpc.serve(AuthorizationService, { check: () => gate.then(() => ({ decision: Decision.ALLOW })) });
  await using busy = await rpc.listen({ host: "127.0.0.1", port: 0 });
  using client = rpcClient(AuthorizationService, busy.address);
  let settled = 0;
  const count = () => void settled++;
  const calls = Array.from({ length: 50 }, () => client.check({}).finally(count));
  const all = Promise.allSettled(calls);
  await vi.waitFor(() => expect(settled).toBe(42));
  open();
  const outcomes = await all;
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(8);
  const reasons = outcomes.flatMap((one) => (one.status === "rejected" ? [one.reason as AegisError] : []));
  for (const reason of reasons) {
    expect(reason).toMatchObject({ code: "unavailable", message: "too many calls at once: come back shortly" });
    const { metadata } = reason.cause as { metadata: Metadata };
    expect([metadata.get("retry-after"), metadata.get("grpc-retry-pushback-ms")]).toEqual([["1"], ["250"]]);
  }
  expect(refused).toBe(42);
  expect((await client.check({})).decision).toBe(Decision.ALLOW);
});

test("what arrives in one turn is let in, and bounded only while the loop is behind", () => {
  const backlog = { turn: () => undefined, behind: () => behind };
  let [behind, refused] = [false, 0];
  const admission = new Admission({ perTurn: 4, inFlight: 100, onRefused: () => refused++ }, backlog);
  const arrive = (calls: number) => Array.from({ length: calls }, () => admission.enter()).filter(Boolean).length;
  expect(arrive(50)).toBe(50);
  behind = true;
  expect(arrive(10)).toBe(0);
  expect(refused).toBe(10);
  behind = false;
  expect(arrive(100)).toBe(50);
});

test("a loop that is kept busy for longer than a stall lets in so many calls a turn", async () => {
  const rpc = createRpcServer(context, {}, { perTurn: 4 });
  let [begun, most, inTurn] = [0, 0, 0];
  rpc.serve(AuthorizationService, {
    async check() {
      if (inTurn++ === 0) setImmediate(() => (inTurn = 0));
      most = Math.max(most, inTurn);
      begun++;
      return { decision: Decision.ALLOW };
    },
  });
  await using busy = await rpc.listen({ host: "127.0.0.1", port: 0 });
  using client = rpcClient(AuthorizationService, busy.address);
  const many = () => Promise.allSettled(Array.from({ length: 100 }, () => client.check({})));
  await client.check({});
  // Keeps this process's loop, which is the server's too, from ever being idle.
  let working = true;
  const work = () => void (working && setImmediate(work));
  work();
  await vi.waitFor(async () => expect((await many()).some(({ status }) => status === "rejected")).toBe(true), { timeout: 5_000 });
  [begun, most] = [0, 0];
  const answered = (await many()).filter(({ status }) => status === "fulfilled").length;
  working = false;
  expect(begun).toBe(answered);
  expect(answered).toBeLessThan(100);
  expect(most).toBeLessThanOrEqual(4);
});

test("a call whose deadline passed before it was begun is not begun", async () => {
  let begun = 0;
  const rpc = createRpcServer(context);
  rpc.serve(AuthorizationService, {
    async check({ tool }) {
      begun++;
      // A busy thread: what comes meanwhile waits in the socket.
      for (const until = performance.now() + (tool === "busy" ? 300 : 0); performance.now() < until; );
      return { decision: Decision.ALLOW };
    },
  });
  await using served = await rpc.listen({ host: "127.0.0.1", port: 0 });
  using client = rpcClient(AuthorizationService, served.address);
  await client.check({});
  const keptBusy = client.check({ tool: "busy" });
  const late = client.check({}, { deadlineMs: 100 });
  await expect(late).rejects.toMatchObject({ code: "deadline_exceeded" });
  await keptBusy;
  await client.check({});
  expect(begun).toBe(3);
});

test("servers that share a port are each given connections, and one that is gone leaves the others", async () => {
  const open = async (port: number, name: string) => {
    const rpc = createRpcServer(context);
    rpc.serve(AuthorizationService, { check: async () => ({ decisionId: name }) });
    return rpc.listen({ host: "127.0.0.1", port, sharedPort: true });
  };
  const one = await open(0, "one");
  await using _two = await open(Number(one.address.split(":")[1]), "two");
  const ask = async () => {
    using client = rpcClient(AuthorizationService, one.address, { alone: true });
    return (await client.check({})).decisionId;
  };
  const seen = new Set<string>();
  for (let connection = 0; seen.size < 2 && connection < 100; connection++) seen.add(await ask());
  expect([...seen].toSorted()).toEqual(["one", "two"]);
  await one[Symbol.asyncDispose]();
  for (let connection = 0; connection < 10; connection++) expect(await ask()).toBe("two");
});

test("a stream arrives in order", async () => {
  using client = rpcClient(ApprovalsService, server.address);
  expect((await Array.fromAsync(client.watch({ approvalId: "a" }))).map((one) => one.state)).toEqual(["pending", "approved"]);
});

test("nobody there is `unavailable` in one sentence", async () => {
  using client = rpcClient(AuthorizationService, "127.0.0.1:1", { deadlineMs: 2_000 });
  await expect(client.check({})).rejects.toThrow("127.0.0.1:1 cannot be reached");
});

test("a taken port is one clear sentence", async () => {
  const port = Number(server.address.split(":")[1]);
  await expect(createRpcServer(context).listen({ host: "127.0.0.1", port })).rejects.toThrow(
    `port ${port} on 127.0.0.1 is taken by another process`,
  );
});

test("a peer is known by its key, for one audience, and only the services named may call", async () => {
  const directory = mkdtempSync(join(tmpdir(), "peer-"));
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const keyFile = join(directory, "key.jwk");
  const peersFile = join(directory, "peers.json");
  writeFileSync(keyFile, JSON.stringify({ ...privateKey.export({ format: "jwk" }), kid: "authz-0" }));
  writeFileSync(peersFile, JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "authz-0", aegis_service: "authz" }] }));
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${await peerToken({ keyFile, service: "authz", audience: "budget" })()}`);
  await expect(peerVerifier({ peersFile, audience: "budget", allow: ["authz"] })(metadata)).resolves.toEqual({
    instance: "authz-0",
    service: "authz",
  });
  await expect(peerVerifier({ peersFile, audience: "approvals", allow: ["authz"] })(metadata)).rejects.toMatchObject({
    code: "unauthenticated",
  });
  await expect(peerVerifier({ peersFile, audience: "budget", allow: ["audit"] })(metadata)).rejects.toMatchObject({
    code: "permission_denied",
  });
  await expect(peerVerifier({ peersFile, audience: "budget", allow: ["authz"] })(new Metadata())).rejects.toMatchObject({
    code: "unauthenticated",
  });
});
