import http2, { type Http2Server } from "node:http2";
import { setFlagsFromString } from "node:v8";
import { replaceStreamTable } from "./stream-table.ts";

/** What a server's options may say besides what `node:http2` knows. */
export interface MoreOptions {
  /** Several processes may listen on the port (SO_REUSEPORT): the kernel shares its connections out among them. */
  readonly sharedPort?: boolean;
}

let done = false;

/** Changes how every HTTP/2 server that this process opens from now on keeps its streams, and lets it share its port. To be called before the first is opened. */
export function adaptHttp2Servers(): void {
  if (done) return;
  done = true;
  // What V8 takes for long-lived by where it was made is a request's here, and would keep everything it refers to.
  setFlagsFromString("--no-allocation-site-pretenuring");
  // Little outlives a request: threads that help to collect it wait for each other longer than the work takes, the more so on one core.
  setFlagsFromString("--no-parallel-scavenge");
  for (const name of ["createServer", "createSecureServer"] as const) {
    const original = http2[name] as (options?: MoreOptions, ...more: unknown[]) => Http2Server;
    (http2 as Record<string, unknown>)[name] = (options?: MoreOptions, ...more: unknown[]) => {
      const server = original(options, ...more);
      server.prependListener("session", (session) => void replaceStreamTable(session));
      if (options?.sharedPort) sharePort(server);
      return server;
    };
  }
}

function sharePort(server: Http2Server): void {
  const listen = server.listen.bind(server) as (at: object, ...more: unknown[]) => Http2Server;
  server.listen = ((at: object, ...more: unknown[]) => listen({ ...at, reusePort: true }, ...more)) as Http2Server["listen"];
}
