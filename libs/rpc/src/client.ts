import { AegisError, type ErrorCode, errorCodes } from "@aegis/contracts/errors";
import {
  create,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescService,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { type ChannelCredentials, Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { grpcDefinition } from "./definition.ts";

export interface CallOptions {
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
  readonly metadata?: Readonly<Record<string, string>>;
}

export type RpcClient<S extends DescService> = {
  [K in keyof S["method"]]: S["method"][K] extends DescMethodUnary<infer I, infer O>
    ? (request: MessageInitShape<I>, options?: CallOptions) => Promise<MessageShape<O>>
    : S["method"][K] extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageInitShape<I>, options?: CallOptions) => AsyncIterable<MessageShape<O>>
      : never;
} & Disposable;

/**
 * A typed client. Every call has a deadline; `bearer` is asked before each call for the credential to send.
 * A failed call throws AegisError: the peer's own code, or `unavailable`/`deadline_exceeded` when it did not answer.
 */
export function rpcClient<S extends DescService>(
  service: S,
  address: string,
  options: {
    bearer?: () => Promise<string>;
    deadlineMs?: number;
    /** Shares no connection with other clients. */
    alone?: boolean;
    /** Connects over TLS to a server that one of these authorities certified, and shows a certificate of its own. All as PEM. */
    tls?: { readonly authorities: string; readonly certificate?: string; readonly key?: string };
  } = {},
): RpcClient<S> {
  const definition = grpcDefinition(service);
  const client = new Client(address, credentialsOf(options.tls), {
    "grpc.keepalive_time_ms": 20_000,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 2_000,
    "grpc.enable_retries": 0,
    ...(options.alone && { "grpc.use_local_subchannel_pool": 1 }),
  });
  const metadataFor = async (call: CallOptions): Promise<Metadata> => {
    const metadata = new Metadata();
    for (const [key, value] of Object.entries(call.metadata ?? {})) metadata.set(key, value);
    if (options.bearer) metadata.set("authorization", `Bearer ${await options.bearer()}`);
    return metadata;
  };
  const deadlineOf = (call: CallOptions) => new Date(Date.now() + (call.deadlineMs ?? options.deadlineMs ?? 5_000));
  const methods: Record<string | symbol, unknown> = { [Symbol.dispose]: () => client.close() };
  for (const method of service.methods) {
    const wire = definition[method.localName];
    if (wire === undefined) continue;
    methods[method.localName] =
      method.methodKind === "server_streaming"
        ? async function* (request: object, call: CallOptions = {}) {
            const metadata = await metadataFor(call);
            const stream = client.makeServerStreamRequest(
              wire.path,
              wire.requestSerialize,
              wire.responseDeserialize,
              create(method.input, request as never),
              metadata,
              { deadline: deadlineOf(call) },
            );
            call.signal?.addEventListener("abort", () => stream.cancel(), { once: true });
            try {
              yield* stream;
            } catch (error) {
              throw fromStatus(error as ServiceError, address);
            }
          }
        : async (request: object, call: CallOptions = {}) => {
            const metadata = options.bearer || call.metadata ? await metadataFor(call) : new Metadata();
            const { promise, resolve, reject } = Promise.withResolvers<unknown>();
            const pending = client.makeUnaryRequest(
              wire.path,
              wire.requestSerialize,
              wire.responseDeserialize,
              create(method.input, request as never),
              metadata,
              { deadline: deadlineOf(call) },
              (error, answer) => (error ? reject(fromStatus(error, address)) : resolve(answer)),
            );
            call.signal?.addEventListener("abort", () => pending.cancel(), { once: true });
            return promise;
          };
  }
  return methods as RpcClient<S>;
}

function credentialsOf(tls: { authorities: string; certificate?: string; key?: string } | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  const pem = (text: string | undefined) => (text === undefined ? null : Buffer.from(text));
  return credentials.createSsl(Buffer.from(tls.authorities), pem(tls.key), pem(tls.certificate));
}

function fromStatus(error: ServiceError, address: string): AegisError {
  const named = error.metadata?.get("aegis-error-code")[0];
  if (typeof named === "string" && Object.hasOwn(errorCodes, named))
    return new AegisError(named as ErrorCode, error.details, { cause: error });
  if (error.code === status.UNAVAILABLE) return new AegisError("unavailable", `${address} cannot be reached`, { cause: error });
  if (error.code === status.DEADLINE_EXCEEDED)
    return new AegisError("deadline_exceeded", `${address} did not answer in time`, { cause: error });
  const known = Object.entries(errorCodes).find(([, value]) => value.grpc === error.code);
  return new AegisError(known ? (known[0] as ErrorCode) : "internal", error.details, { cause: error });
}
