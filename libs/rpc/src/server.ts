import type { EventEmitter } from "node:events";
import { AegisError, errorCodes } from "@aegis/contracts/errors";
import type { MutualTls } from "@aegis/service/config";
import type { ServiceContext } from "@aegis/service/run";
import {
  create,
  type DescMethodBiDiStreaming,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescService,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";
import { Admission, type Bounds, busy, late } from "./admission.ts";
import { grpcDefinition } from "./definition.ts";
import { boundSessions, guardConnections, type Patience, sharePort } from "./guard.ts";
import { adaptHttp2Servers } from "./http2-servers.ts";
import { addReflection } from "./reflection.ts";

/** What a handler may know of its call. */
export interface RpcCall {
  readonly metadata: Metadata;
  readonly deadline: Date | undefined;
  /** Aborts when the caller hangs up or its deadline passes. */
  readonly signal: AbortSignal;
  /** "ip:port". */
  readonly peer: string;
  /** "/package.Service/Method". */
  readonly path: string;
  /** In DER: what the client made the connection with, where that is one over mutual TLS. */
  readonly certificate: Uint8Array | undefined;
}

export type RpcHandlers<S extends DescService> = {
  [K in keyof S["method"]]?: S["method"][K] extends DescMethodUnary<infer I, infer O>
    ? (request: MessageShape<I>, call: RpcCall) => Promise<MessageInitShape<O>>
    : S["method"][K] extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageShape<I>, call: RpcCall) => AsyncIterable<MessageInitShape<O>>
      : S["method"][K] extends DescMethodBiDiStreaming<infer I, infer O>
        ? (requests: AsyncIterable<MessageShape<I>>, call: RpcCall) => AsyncIterable<MessageInitShape<O>>
        : never;
};

export interface RpcServer {
  /** Serves a service; a method without a handler answers UNIMPLEMENTED. */
  serve<S extends DescService>(service: S, handlers: RpcHandlers<S>): void;
  /**
   * Port 0 takes a free one; `address` is host:port. A taken port is one clear sentence. `sharedPort`: other processes that say so, too, may
   * listen on it, and connections are shared out among them. `mutualTls`: besides, on a port on which every client shows a certificate.
   */
  listen(at: {
    host: string;
    port: number;
    sharedPort?: boolean;
    mutualTls?: MutualTls | undefined;
  }): Promise<AsyncDisposable & { readonly address: string }>;
}

/**
 * A gRPC server as every service has it: reflection, `grpc.health.v1` that follows readiness, bounds on what one connection may send, hold
 * and do (`guard.ts`), and a look after peers that are gone.
 * Calls of one message beyond `bounds` are refused with UNAVAILABLE, `retry-after` and `grpc-retry-pushback-ms`; one whose deadline has
 * passed is not begun. A handler's AegisError becomes its status; anything else is logged and becomes INTERNAL without its text.
 */
export function createRpcServer(context: ServiceContext, patience: Partial<Patience> = {}, bounds: Partial<Bounds> = {}): RpcServer {
  adaptHttp2Servers();
  const server = new Server({
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.max_concurrent_streams": 256,
    // grpc-js lifts Node's own bound unless told otherwise (megabytes).
    "grpc-node.max_session_memory": 64,
    // Whoever does not answer for so long is gone.
    "grpc.keepalive_time_ms": 60_000,
    "grpc.keepalive_timeout_ms": 20_000,
    // Nobody reads what channelz counts, and counting it costs with every call.
    "grpc.enable_channelz": 0,
  });
  boundSessions(server, patience);
  const served: DescService[] = [];
  const oneMessage = new Set<string>();
  const admission = new Admission(bounds);
  return {
    serve(service, handlers) {
      served.push(service);
      const implementation: Record<string, unknown> = {};
      for (const method of service.methods) {
        if (method.methodKind === "unary" || method.methodKind === "server_streaming")
          oneMessage.add(`/${service.typeName}/${method.name}`);
        const handler = (handlers as Record<string, ((request: unknown, call: RpcCall) => unknown) | undefined>)[method.localName];
        implementation[method.localName] =
          method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming"
            ? streaming(context, method.output, handler)
            : unary(context, admission, method.output, handler);
      }
      server.addService(grpcDefinition(service), implementation as never);
    },
    async listen(at) {
      const health = new HealthImplementation({ "": "NOT_SERVING" });
      health.addToServer(server);
      addReflection(server, served);
      context.health.onChange(({ ready }) => {
        for (const name of ["", ...served.map((service) => service.typeName)]) health.setStatus(name, ready ? "SERVING" : "NOT_SERVING");
      });
      if (at.sharedPort) sharePort(server);
      const port = await bind(server, at, ServerCredentials.createInsecure());
      if (at.mutualTls !== undefined) await bind(server, { ...at, port: at.mutualTls.port }, credentialsOf(at.mutualTls));
      guardConnections(server, (path) => oneMessage.has(path), patience);
      return {
        address: `${at.host}:${port}`,
        [Symbol.asyncDispose]: () =>
          new Promise<void>((resolve) => {
            const force = setTimeout(() => server.forceShutdown(), 3_000);
            server.tryShutdown(() => {
              clearTimeout(force);
              resolve();
            });
          }),
      };
    },
  };
}

/** A 1 MiB argument object and its envelope. */
const maxMessageBytes = 2 * 1024 * 1024;

type Handler = ((request: unknown, call: RpcCall) => unknown) | undefined;

function unary(context: ServiceContext, admission: Admission, output: DescMethodUnary["output"], handler: Handler) {
  return (call: ServerUnaryCall<unknown, object>, done: sendUnaryData<object>) => {
    if (handler === undefined) return done({ code: status.UNIMPLEMENTED, details: "this method is not served" });
    // Its time may have passed while it waited in the socket.
    if (call.cancelled || Number(call.getDeadline()) <= Date.now()) return done(late);
    if (!admission.enter()) return done(busy);
    (handler(call.request, new ServedCall(call)) as Promise<object>).then(
      (answer) => {
        admission.leave();
        done(null, create(output, answer as never));
      },
      (error: unknown) => {
        admission.leave();
        done(statusOf(context, error));
      },
    );
  };
}

function streaming(context: ServiceContext, output: DescMethodUnary["output"], handler: Handler) {
  return async (call: ServerWritableStream<unknown, object> | ServerDuplexStream<unknown, object>) => {
    if (handler === undefined) return void call.emit("error", { code: status.UNIMPLEMENTED, details: "this method is not served" });
    try {
      const asked = "request" in call ? call.request : call;
      for await (const answer of handler(asked, new ServedCall(call)) as AsyncIterable<object>) {
        if (call.cancelled) return;
        call.write(create(output, answer as never));
      }
      call.end();
    } catch (error) {
      call.emit("error", statusOf(context, error));
    }
  };
}

type GrpcCall = ServerUnaryCall<unknown, object> | ServerWritableStream<unknown, object> | ServerDuplexStream<unknown, object>;

/** A class, because members of a literal that are functions would be made anew for every call. */
class ServedCall implements RpcCall {
  readonly metadata: Metadata;
  readonly #call: GrpcCall;
  #abort: AbortController | undefined;

  constructor(call: GrpcCall) {
    this.metadata = call.metadata;
    this.#call = call;
  }

  get deadline(): Date | undefined {
    const deadline = this.#call.getDeadline();
    const at = deadline instanceof Date ? deadline : new Date(deadline);
    return Number.isFinite(at.getTime()) ? at : undefined;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      const made = new AbortController();
      this.#abort = made;
      if (this.#call.cancelled) made.abort();
      (this.#call as EventEmitter).on("cancelled", () => made.abort());
    }
    return this.#abort.signal;
  }

  get peer(): string {
    return this.#call.getPeer();
  }

  get certificate(): Uint8Array | undefined {
    return this.#call.getAuthContext().sslPeerCertificate?.raw;
  }

  get path(): string {
    return this.#call.getPath();
  }
}

function statusOf(context: ServiceContext, caught: unknown) {
  const error = AegisError.from(caught);
  if (error.code === "internal") context.logger.error({ err: caught }, "call failed");
  const metadata = new Metadata();
  metadata.set("aegis-error-code", error.code);
  return { code: errorCodes[error.code].grpc, details: error.message, metadata };
}

/** A client without a certificate of one of these authorities gets no connection. */
const credentialsOf = ({ certificate, key, clientAuthorities }: MutualTls): ServerCredentials =>
  ServerCredentials.createSsl(
    Buffer.from(clientAuthorities),
    [{ cert_chain: Buffer.from(certificate), private_key: Buffer.from(key) }],
    true,
  );

function bind(server: Server, at: { host: string; port: number }, credentials: ServerCredentials): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.bindAsync(`${at.host}:${at.port}`, credentials, (cause, port) => {
    if (cause) reject(new AegisError("unavailable", `port ${at.port} on ${at.host} is taken by another process`, { cause }));
    else resolve(port);
  });
  return promise;
}
