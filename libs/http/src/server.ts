import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { AegisError } from "@aegis/contracts/errors";
import type { MutualTls } from "@aegis/service/config";
import type { ServiceContext } from "@aegis/service/run";
import formbody from "@fastify/formbody";
import swagger from "@fastify/swagger";
import { type FastifyBaseLogger, type FastifyInstance, fastify, LogController, type RawServerDefault } from "fastify";
import { jsonSchemaTransform, serializerCompiler, validatorCompiler, type ZodTypeProvider } from "fastify-type-provider-zod";
import { mostConnections, requestBounds } from "./bounds.ts";
import { listenOverMutualTls } from "./mutual-tls.ts";
import { hearOut, sendProblem } from "./problem.ts";

/** Fastify with zod schemas on every route. */
export type HttpServer = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, FastifyBaseLogger, ZodTypeProvider>;

/**
 * An HTTP server as every service has it: `/healthz` (the process lives), `/readyz` (503 and what is missing until ready),
 * `/metrics` (Prometheus), `/openapi.json`, problem details for errors, bodies of at most `bodyLimit` bytes (default 2 MiB; more is
 * 413 with `invalid_argument`), and bounds on headers, on how long a request may take to arrive, and on connections.
 * It is owned by the context: open requests are finished before it closes.
 */
export async function createHttpServer(
  context: ServiceContext,
  options: { bodyLimit?: number; headMs?: number } = {},
): Promise<HttpServer> {
  const server: HttpServer = fastify({
    loggerInstance: context.logger as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: options.bodyLimit ?? 2 * 1024 * 1024,
    forceCloseConnections: "idle",
    requestTimeout: requestBounds.requestTimeout,
    http: { ...requestBounds, headersTimeout: options.headMs ?? requestBounds.headersTimeout },
    return503OnClosing: true,
    // Colons are part of our routes (`/v1/agents/x:revoke`), so paths are matched as they are.
    routerOptions: { maxParamLength: 300 },
  }).withTypeProvider<ZodTypeProvider>();
  server.server.maxConnections = mostConnections;
  server.setValidatorCompiler(validatorCompiler);
  server.setSerializerCompiler(serializerCompiler);
  server.setErrorHandler(sendProblem);
  server.addHook("onError", hearOut);
  server.setNotFoundHandler((request) => {
    throw new AegisError("not_found", `there is no ${request.method} ${request.url.split("?")[0]}`);
  });
  await server.register(formbody);
  await server.register(swagger, {
    openapi: { openapi: "3.1.0", info: { title: `aegis ${context.instance}`, version: "v1" } },
    transform: jsonSchemaTransform,
  });
  server.get("/healthz", { schema: { hide: true } }, async () => ({ status: "ok" }));
  server.get("/readyz", { schema: { hide: true } }, async (_, reply) => {
    const state = context.health.state();
    return reply.status(state.ready ? 200 : 503).send(state);
  });
  server.get("/metrics", { schema: { hide: true } }, async (_, reply) =>
    reply.type("text/plain; version=0.0.4; charset=utf-8").send(await context.telemetry.metricsText()),
  );
  server.get("/openapi.json", { schema: { hide: true } }, async () => server.swagger());
  return server;
}

/** Starts to listen; a taken port is one clear sentence. Port 0 takes a free one; `url` says which. */
export async function listen(
  server: HttpServer,
  { mutualTls, ...at }: { host: string; port: number /** Besides, over mutual TLS. */; mutualTls?: MutualTls | undefined },
): Promise<AsyncDisposable & { readonly url: string }> {
  try {
    await server.listen(at);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EADDRINUSE") {
      throw new AegisError("unavailable", `port ${at.port} on ${at.host} is taken by another process`, { cause });
    }
    throw cause;
  }
  const secure = mutualTls && (await listenOverMutualTls(server, { ...mutualTls, host: at.host }));
  const { port } = server.server.address() as AddressInfo;
  const close = async () => void (await Promise.all([server.close(), secure?.[Symbol.asyncDispose]()]));
  return { url: `http://${at.host}:${port}`, [Symbol.asyncDispose]: close };
}
