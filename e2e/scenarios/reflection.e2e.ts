import { create, createFileRegistry, type DescMessage, fromBinary, fromJson, type JsonObject, toBinary, toJson } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Client, credentials } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { payments } from "../src/documents.ts";
import { sharedTenant } from "../src/tenant.ts";

/** grpc.reflection.v1: a request names a symbol in field 4; the answer's field 4 holds file descriptors in its field 1. */
function reflect(client: Client, symbol: string): Promise<FileDescriptorProto[]> {
  const { promise, resolve, reject } = Promise.withResolvers<FileDescriptorProto[]>();
  const name = Buffer.from(symbol);
  const stream = client.makeBidiStreamRequest(
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    () => Buffer.concat([Buffer.from([(4 << 3) | 2, name.length]), name]),
    (bytes: Buffer) => bytes,
  );
  stream.on("data", (bytes: Buffer) =>
    resolve(
      field(bytes, 4)
        .flatMap((answer) => field(answer, 1))
        .map((file) => fromBinary(FileDescriptorProtoSchema, file)),
    ),
  );
  stream.on("error", reject);
  stream.write({});
  stream.end();
  return promise;
}

/** The length-delimited fields of one number in a protobuf message. */
function field(message: Buffer, wanted: number): Buffer[] {
  const found: Buffer[] = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = message[at++] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    if ((tag & 7) !== 2) {
      varint();
      continue;
    }
    const length = varint();
    if (tag >> 3 === wanted) found.push(message.subarray(at, at + length));
    at += length;
  }
  return found;
}

test("a client that knows nothing but the address can call through reflection", async () => {
  const tenant = await sharedTenant("reflect");
  await tenant.publish(payments);
  await tenant.register("finance-agent");
  const { access_token: token } = await tenant.cli.json<{ access_token: string }>([
    "token",
    "issue",
    "--tenant",
    tenant.name,
    "--agent",
    "finance-agent",
  ]);
  const client = new Client(tenant.fabric.endpoints.authz.grpc, credentials.createInsecure());
  const files = await reflect(client, "aegis.authz.v1.AuthorizationService");
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: dependenciesFirst(files) }));
  const service = registry.getService("aegis.authz.v1.AuthorizationService");
  const method = service?.method.check;
  if (service === undefined || method === undefined) throw new Error("reflection names no Check");

  const ask = (request: JsonObject) => {
    const { promise, resolve, reject } = Promise.withResolvers<JsonObject>();
    client.makeUnaryRequest(
      `/${service.typeName}/${method.name}`,
      (value: JsonObject) => Buffer.from(toBinary(method.input as DescMessage, fromJson(method.input as DescMessage, value, { registry }))),
      (bytes: Buffer) => toJson(method.output as DescMessage, fromBinary(method.output as DescMessage, bytes), { registry }) as JsonObject,
      request,
      (error, answer) => (error || answer === undefined ? reject(error) : resolve(answer)),
    );
    return promise;
  };
  const question = {
    agentToken: token,
    tool: "stripe-payments",
    action: "create_payment",
    arguments: { amount: 4200, currency: "USD", recipient: "acct_ink" },
  };
  expect(await ask(question)).toMatchObject({ decision: "DECISION_ALLOW" });
  expect(await ask({ ...question, arguments: { amount: "4200", currency: "USD", recipient: "acct_ink" } })).toMatchObject({
    decision: "DECISION_DENY",
    reasons: [{ code: "parameter_type", pointer: "/amount" }],
  });
  await expect(ask({ ...question, agentToken: "nonsense" })).rejects.toMatchObject({ code: 16 });
  await expect(ask({ ...question, tool: "strípe" })).rejects.toMatchObject({ code: 3 });
  client.close();
});

function dependenciesFirst(files: readonly FileDescriptorProto[]): FileDescriptorProto[] {
  const byName = new Map(files.map((file) => [file.name, file]));
  const ordered = new Set<FileDescriptorProto>();
  const visit = (file: FileDescriptorProto | undefined) => {
    if (file === undefined || ordered.has(file)) return;
    for (const name of file.dependency) visit(byName.get(name));
    ordered.add(file);
  };
  files.forEach(visit);
  return [...ordered];
}
