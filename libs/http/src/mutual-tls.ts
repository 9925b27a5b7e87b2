import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import { TLSSocket } from "node:tls";
import { AegisError } from "@aegis/contracts/errors";
import type { MutualTls } from "@aegis/service/config";
import { mostConnections, requestBounds } from "./bounds.ts";
import type { HttpServer } from "./server.ts";

/** Serves the same routes on a port on which every client shows a certificate of one of the authorities, within the same bounds. */
export async function listenOverMutualTls(server: HttpServer, at: MutualTls & { readonly host: string }): Promise<AsyncDisposable> {
  const files = { cert: at.certificate, key: at.key, ca: at.clientAuthorities };
  const demands = { requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.2", handshakeTimeout: 10_000 } as const;
  const secure = createServer({ ...requestBounds, ...files, ...demands }, (request, response) => server.routing(request, response));
  secure.maxConnections = mostConnections;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  secure.once("error", (cause) => reject(new AegisError("unavailable", `port ${at.port} on ${at.host} cannot be listened on`, { cause })));
  secure.listen(at.port, at.host, resolve);
  await promise;
  return {
    [Symbol.asyncDispose]: () =>
      new Promise((closed) => {
        secure.close(() => closed());
        secure.closeIdleConnections();
      }),
  };
}

/** The certificate, in DER, with which the client made the connection; undefined on any but one over mutual TLS. */
export function certificateOf({ socket }: IncomingMessage): Uint8Array | undefined {
  return socket instanceof TLSSocket && socket.authorized ? socket.getPeerCertificate().raw : undefined;
}
