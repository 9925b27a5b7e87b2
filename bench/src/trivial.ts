/**
 * The least a gRPC server on this stack can do: grpc-js, one decoded request, one constant answer. It tells how much of the price of a
 * decision is the transport's. Runs as a process of its own and prints its port.
 */
import { AuthorizationService, CheckResponseSchema, Decision } from "@aegis/contracts/aegis/authz/v1/authz";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Server, ServerCredentials, type sendUnaryData } from "@grpc/grpc-js";

const { input, output } = AuthorizationService.method.check;
const answer = create(CheckResponseSchema, { decision: Decision.ALLOW });
const server = new Server({ "grpc.enable_channelz": 0 });
server.addService(
  {
    check: {
      path: "/aegis.authz.v1.AuthorizationService/Check",
      requestStream: false,
      responseStream: false,
      requestSerialize: (value: object) => Buffer.from(toBinary(input, value as never)),
      requestDeserialize: (bytes: Buffer) => fromBinary(input, bytes),
      responseSerialize: (value: object) => Buffer.from(toBinary(output, value as never)),
      responseDeserialize: (bytes: Buffer) => fromBinary(output, bytes),
    },
  },
  { check: (_call: unknown, done: sendUnaryData<unknown>) => done(null, answer) },
);
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(port);
});
