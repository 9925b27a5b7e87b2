import { constants, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { Server } from "@grpc/grpc-js";
import type { MoreOptions } from "./http2-servers.ts";
import { Offenders } from "./offenders.ts";

/** node:http2's bounds on what one connection may do, for which grpc-js has no options. */
const sessionBounds = {
  maxHeaderListPairs: 128,
  maxSessionInvalidFrames: 100,
  maxSessionRejectedStreams: 100,
  maxOutstandingPings: 10,
  maxSettings: 32,
  // Streams that a client opens and resets at once (CVE-2023-44487): a burst, more than one connection has open, and so many a second after it.
  streamResetBurst: 300,
  streamResetRate: 50,
  unknownProtocolTimeout: 5_000,
};

/** How long and how often a peer may do what costs it nothing. */
export interface Patience {
  /** From connecting, or from the end of a TLS handshake, which may take as long, to the peer's first HTTP/2 frame. Milliseconds. */
  readonly greetingMs: number;
  /** From the head of a call of one message to its end. Milliseconds. */
  readonly requestMs: number;
  /** In one second, on one connection. Clients that measure the way ping once for each round trip. */
  readonly pings: number;
  readonly settings: number;
  /** Connections at the same time. */
  readonly connections: number;
}

const patience: Patience = { greetingMs: 10_000, requestMs: 10_000, pings: 5_000, settings: 100, connections: 4_096 };

/** What grpc-js keeps to itself. */
interface Internals {
  readonly commonServerOptions: { readonly settings?: object };
  readonly http2Servers: ReadonlyMap<Http2Server, unknown>;
}

const internalsOf = (server: Server) => server as unknown as Internals;

/**
 * Bounds what one connection may do to a server that has not begun to listen. grpc-js keeps what it hands to node:http2 in a private field,
 * so a test holds it to its pinned version.
 */
export function boundSessions(server: Server, { greetingMs: handshakeTimeout = patience.greetingMs }: Partial<Patience> = {}): void {
  const options = internalsOf(server).commonServerOptions;
  // Over TLS there is no session to guard before the handshake is over.
  Object.assign(options, sessionBounds, { handshakeTimeout, settings: { ...options.settings, maxHeaderListSize: 32 * 1024 } });
}

/** Lets other processes listen on the port, too. To be called before it listens. */
export function sharePort(server: Server): void {
  Object.assign(internalsOf(server).commonServerOptions, { sharedPort: true } satisfies MoreOptions);
}

/** The same for what takes time to tell, once it listens. `isShort`: calls whose request is one message, by their path. */
export function guardConnections(server: Server, isShort: (path: string) => boolean, given: Partial<Patience> = {}): void {
  const limits = { ...patience, ...given };
  const offenders = new Offenders(() => performance.now());
  for (const listening of internalsOf(server).http2Servers.keys()) {
    (listening as unknown as { maxConnections: number }).maxConnections = limits.connections;
    listening.on("session", (session) => guardSession(session, limits, offenders));
    listening.on("stream", (stream, headers) => {
      if (isShort(headers[":path"] ?? "")) guardStream(stream, limits.requestMs);
    });
  }
}

/**
 * nghttp2 ended the connection, for one of the bounds above. Neither a peer that is merely gone nor one that speaks another protocol, such as
 * a probe, is a flood.
 */
const isFlood = (error: NodeJS.ErrnoException): boolean => error.code?.startsWith("ERR_HTTP2_") === true && error.errno !== badClientMagic;
const badClientMagic = -903;

function guardSession(session: ServerHttp2Session, limits: Patience, offenders: Offenders): void {
  const address = session.socket.remoteAddress ?? "";
  if (offenders.barred(address)) {
    session.destroy();
    return;
  }
  const silent = setTimeout(() => session.destroy(), limits.greetingMs);
  session.once("close", () => clearTimeout(silent));
  const flood = () => {
    offenders.offended(address);
    session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  };
  const settings = perSecond(limits.settings, flood);
  session.on("remoteSettings", () => {
    clearTimeout(silent);
    settings();
  });
  session.on("error", (error) => {
    if (isFlood(error)) offenders.offended(address);
  });
  session.on("ping", perSecond(limits.pings, flood));
}

/** Calls back when it was called more often than so many times within a second. */
function perSecond(most: number, exceeded: () => void): () => void {
  let [times, since] = [0, 0];
  return () => {
    const now = performance.now();
    if (now - since > 1_000) [times, since] = [0, now];
    if (++times > most) exceeded();
  };
}

/** A request that does not come to its end in time is cancelled: the client hears it, and what it held is free. */
function guardStream(stream: ServerHttp2Stream, requestMs: number): void {
  const late = setTimeout(() => {
    if (!stream.readableEnded && !stream.destroyed) stream.close(constants.NGHTTP2_CANCEL);
  }, requestMs);
  stream.once("close", () => clearTimeout(late));
}
