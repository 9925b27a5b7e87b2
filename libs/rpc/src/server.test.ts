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
import { afterAll, beforeAll, expect, test } from "vitest";
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
