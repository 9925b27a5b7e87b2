import {
  AuthorizationService,
  CheckRequestSchema,
  type CheckResponse,
  CheckResponseSchema,
  Decision,
  ReportOutcomeRequestSchema,
  ReportOutcomeResponseSchema,
} from "@aegis/contracts/aegis/authz/v1/authz";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { afterEach, expect, test } from "vitest";
import { createAegisClient } from "./client.ts";
import { AegisRefusal } from "./refusal.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A decision point that always gives one answer. */
async function decisionPoint(answer: Partial<CheckResponse>): Promise<{ address: string; outcomes: number[] }> {
  const outcomes: number[] = [];
  const server = new Server();
  const method = (name: string, input: typeof CheckRequestSchema | typeof ReportOutcomeRequestSchema) => ({
    path: `/${AuthorizationService.typeName}/${name}`,
    requestStream: false,
    responseStream: false,
    requestDeserialize: (bytes: Buffer) => fromBinary(input, bytes),
    requestSerialize: () => Buffer.alloc(0),
    responseSerialize: (value: Buffer) => value,
    responseDeserialize: (bytes: Buffer) => bytes,
  });
  server.addService(
    { check: method("Check", CheckRequestSchema), reportOutcome: method("ReportOutcome", ReportOutcomeRequestSchema) } as never,
    {
      check: (_: unknown, done: (error: null, value: Buffer) => void) =>
        done(null, Buffer.from(toBinary(CheckResponseSchema, create(CheckResponseSchema, answer as never)))),
      reportOutcome: (call: { request: { outcome: number } }, done: (error: null, value: Buffer) => void) => {
        outcomes.push(call.request.outcome);
        done(null, Buffer.from(toBinary(ReportOutcomeResponseSchema, create(ReportOutcomeResponseSchema))));
      },
    } as never,
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound))),
  );
  closing.push(() => server.forceShutdown());
  return { address: `127.0.0.1:${port}`, outcomes };
}

const call = { tool: "t", action: "a", arguments: { secret: "x" } };

async function guarded(
  address: string,
  token: () => Promise<string> = async () => "token",
): Promise<{ executedWith: unknown[]; result: unknown }> {
  using client = createAegisClient({ authz: address, token, deadlineMs: 1_000 });
  const executedWith: unknown[] = [];
  const result = await client.guard(call, async (args) => executedWith.push(args)).catch((error: unknown) => error);
  return { executedWith, result };
}

test("allow executes with the arguments as they are, and reports", async () => {
  const { address, outcomes } = await decisionPoint({ decision: Decision.ALLOW, decisionId: "d" });
  expect((await guarded(address)).executedWith).toEqual([{ secret: "x" }]);
  expect(outcomes).toEqual([1]);
});

test("sanitize executes with what may be sent; without it, nothing is executed", async () => {
  const whole = await decisionPoint({
    decision: Decision.SANITIZE,
    decisionId: "d",
    argumentsJson: new TextEncoder().encode('{"secret":"[REDACTED]"}'),
  });
  expect((await guarded(whole.address)).executedWith).toEqual([{ secret: "[REDACTED]" }]);
  const empty = await decisionPoint({ decision: Decision.SANITIZE, decisionId: "d" });
  expect((await guarded(empty.address)).executedWith).toEqual([]);
});

test.each([
  ["deny", { decision: Decision.DENY }, "denied"],
  ["approval needed, and nobody to ask", { decision: Decision.APPROVAL_NEEDED }, "approval_pending"],
  ["a decision of a later version", { decision: 99 as Decision }, "denied"],
  ["no decision at all", {}, "denied"],
  ["an obligation it does not know", { decision: Decision.ALLOW, obligations: [{ name: "sandbox" }] as never }, "obligation_unknown"],
])("%s: nothing is executed", async (_, answer, kind) => {
  const { address } = await decisionPoint(answer as Partial<CheckResponse>);
  const { executedWith, result } = await guarded(address);
  expect(executedWith).toEqual([]);
  expect(result).toBeInstanceOf(AegisRefusal);
  expect(result).toMatchObject({ kind });
});

test("a decision point that is away, or no token: nothing is executed", async () => {
  expect(await guarded("127.0.0.1:1")).toMatchObject({ executedWith: [], result: { kind: "unavailable" } });
  const { address } = await decisionPoint({ decision: Decision.ALLOW });
  const noToken = () => Promise.reject(new Error("no token for you"));
  expect(await guarded(address, noToken)).toMatchObject({ executedWith: [], result: { kind: "unavailable" } });
});
