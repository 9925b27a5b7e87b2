import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { GatewayTools } from "./envoy.ts";

/** What an upstream was sent. */
interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly url: string;
}

/** An HTTP server of a tool, with what it received. */
export interface Upstream extends AsyncDisposable {
  readonly port: number;
  readonly received: Received[];
}

async function serve(answer: (received: Received, response: ServerResponse, request: IncomingMessage) => unknown): Promise<Upstream> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const one = { headers: request.headers, body: Buffer.concat(parts).toString(), url: request.url ?? "" };
    received.push(one);
    await answer(one, response, request);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    port: (server.address() as { port: number }).port,
    received,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** A payment service that answers with a mail address in it. */
export const startPayments = () =>
  serve((_, response) =>
    response.setHeader("content-type", "application/json").end(JSON.stringify({ paid: true, receipt: "to ann@example.com" })),
  );

/** An MCP server made with the reference SDK: `search` and `send`. */
export async function startMail({ mcp, zod }: GatewayTools): Promise<Upstream> {
  const { McpServer } = await import(mcp("server/mcp.js"));
  const { StreamableHTTPServerTransport } = await import(mcp("server/streamableHttp.js"));
  const { z } = await import(zod);
  return serve(async ({ body }, response, request) => {
    const server = new McpServer({ name: "mail", version: "1.0.0" });
    const answer = (text: string) => ({ content: [{ type: "text", text }] });
    server.registerTool("search", { inputSchema: { query: z.string() } }, async ({ query }: { query: string }) =>
      answer(`asked for ${query}; found bob@example.org`),
    );
    server.registerTool("send", { inputSchema: { to: z.string() } }, async () => answer("sent"));
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
    await server.connect(transport);
    await transport.handleRequest(request, response, body === "" ? undefined : JSON.parse(body));
  });
}

/** A client made with the reference SDK. */
export async function mcpClient({ mcp }: GatewayTools, url: string, token: string) {
  const { Client } = await import(mcp("client/index.js"));
  const { StreamableHTTPClientTransport } = await import(mcp("client/streamableHttp.js"));
  const client = new Client({ name: "agent", version: "1.0.0" });
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { authorization: `Bearer ${token}` } } }));
  return {
    tools: async (): Promise<string[]> => (await client.listTools()).tools.map(({ name }: { name: string }) => name),
    call: async (name: string, args: object): Promise<string> =>
      (await client.callTool({ name, arguments: args })).content.map(({ text }: { text: string }) => text).join("\n"),
    [Symbol.asyncDispose]: async () => client.close(),
  };
}
