import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

interface Heard {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** Something outside that is posted to. */
export interface Peer extends AsyncDisposable {
  readonly url: string;
  readonly heard: Heard[];
  readonly server: Server;
  /** What it answers from now on, once `json` is there; a test replaces it. */
  answer: (heard: Heard) => { status: number; json?: unknown; headers?: Record<string, string> };
}

/** An HTTP server that keeps what it hears. */
export async function peer(): Promise<Peer> {
  const heard: Heard[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const one = {
      path: request.url ?? "",
      headers: request.headers as Record<string, string>,
      text: Buffer.concat(chunks).toString(),
    };
    heard.push(one);
    const { status, json, headers } = made.answer(one);
    response
      .writeHead(status, { "content-type": "application/json", ...headers })
      .end(json === undefined ? "" : JSON.stringify(await json));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const made: Peer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    heard,
    server,
    answer: () => ({ status: 204 }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return made;
}
