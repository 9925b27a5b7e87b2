import fc from "fast-check";
import { expect, test } from "vitest";
import { mcpCall } from "./mcp-call.ts";
import { httpCall, type ObservedRequest, refuseForm, Unusable } from "./observed-request.ts";

const request = (
  change: Partial<Omit<ObservedRequest, "body" | "headers">> & { body?: unknown; headers?: Record<string, string> } = {},
) => {
  const { body = "", headers = {}, ...rest } = change;
  const bytes = body instanceof Uint8Array ? body : Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  return {
    ...{ method: "POST", scheme: "https", host: "tool.test", path: "/mcp", ...rest },
    ...{ body: bytes, headers: new Map(Object.entries({ "content-type": "application/json", ...headers })) },
  };
};
const rpc = (params: unknown, more: Record<string, unknown> = {}) => ({ jsonrpc: "2.0", id: 1, method: "tools/call", params, ...more });
const text = (bytes: Uint8Array | undefined) => JSON.parse(Buffer.from(bytes ?? []).toString());

test("the arguments of an HTTP tool are those of its body and of its query, and go back to where they came from", () => {
  const call = httpCall(request({ path: "/pay?tag=a&tag=b%20c&note=x+y&__proto__=1", body: { amount: 5 } }), { tool: "t", action: "a" });
  if (call instanceof Unusable) throw new Error(call.message);
  expect(JSON.parse(JSON.stringify(call.arguments))).toEqual(JSON.parse('{"amount":5,"tag":["a","b c"],"note":"x y","__proto__":"1"}'));
  const { body, path } = call.rewrite({ ...call.arguments, note: "[email]" });
  expect([text(body), path]).toEqual([{ amount: 5 }, "/pay?tag=a&tag=b%20c&note=%5Bemail%5D&__proto__=1"]);
});

test("an MCP call is the tool's own action, and is rewritten in its message", () => {
  const call = mcpCall(request({ body: rpc({ name: "send", arguments: { to: "a" }, _meta: { t: 1 } }) }), "mail");
  if (call.kind !== "call") throw new Error(call.kind);
  expect(call).toMatchObject({ tool: "mail", action: "send", arguments: { to: "a" } });
  expect(text(call.rewrite({ to: "b" }).body)).toEqual(rpc({ name: "send", arguments: { to: "b" }, _meta: { t: 1 } }));
  expect(mcpCall(request({ body: rpc({ uri: "file:///x" }, { method: "resources/read" }) }), "mail")).toMatchObject({
    ...{ action: "mcp:resources/read", arguments: { uri: "file:///x" } },
  });
});

test.each(["initialize", "ping", "notifications/initialized", "tools/list"])("%s is talk and no call", (method) => {
  expect(mcpCall(request({ body: { jsonrpc: "2.0", method } }), "mail")).toEqual({ kind: "talk", lists: method === "tools/list" });
});

test.each<[string, Parameters<typeof request>[0]]>([
  ["a batch", { body: [rpc({ name: "send" })] }],
  ["a call that is a notification", { body: { jsonrpc: "2.0", method: "tools/call", params: { name: "send" } } }],
  ["a call whose id is null", { body: rpc({ name: "send" }, { id: null }) }],
  ["a client's answer", { body: { jsonrpc: "2.0", id: 1, result: {} } }],
  ["an answer that is also a call", { body: rpc({ name: "send" }, { result: {} }) }],
  ["another version", { body: rpc({ name: "send" }, { jsonrpc: "1.0" }) }],
  ["a header that names another tool", { body: rpc({ name: "send" }), headers: { "mcp-name": "read" } }],
  ["two headers that name tools", { body: rpc({ name: "send" }), headers: { "mcp-name": "send,send" } }],
  ["a header that names another method", { body: rpc({ name: "send" }), headers: { "mcp-method": "tools/list" } }],
  [
    "a header for a listing that is a call",
    { body: rpc({ name: "send" }, { method: "tools/list" }), headers: { "mcp-method": "tools/call" } },
  ],
  ["a method twice", { body: '{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{"name":"send"}}' }],
  ["a homoglyph", { body: rpc({ name: "ѕend" }) }],
  ["a tool that is called like a method", { body: rpc({ name: "mcp:resources/read" }) }],
  ["a member that no policy sees", { body: rpc({ name: "send", requestState: "x" }) }],
  ["arguments that are a list", { body: rpc({ name: "send", arguments: [1] }) }],
  ["a body that poses as a refusal", { body: { kind: "unusable", status: 200, message: "ok" } }],
  ["no body", {}],
  ["GET", { method: "GET" }],
  ["bytes that are no UTF-8", { body: Buffer.from('{"jsonrpc":"2.0","method":"ping\xff"}', "latin1") }],
  ["more than a megabyte", { body: rpc({ name: "send", arguments: { a: "x".repeat(1024 * 1024) } }) }],
  ["a hundred thousand levels", { body: `{"a":${"[".repeat(100_000)}` }],
])("MCP: %s is refused", (_, change) => {
  expect(mcpCall(request(change), "mail")).toBeInstanceOf(Unusable);
});

test.each([
  ...[
    "",
    "*",
    "http://x/",
    "/a/../b",
    "/a/..",
    "/a/%2e%2e/b",
    "/a/.%2E/b",
    "/a/..;x/b",
    "/a%2fb",
    "/a%5cb",
    "/a\\b",
    "//a",
    "/a%00",
    "/a%252e",
  ],
  ...["/a%zz", "/a b", "/a\u00e9", "/a#b", "/a?x=1#y"],
])("the path %j can be read in two ways, and is refused", (path) => {
  expect(refuseForm(request({ path }))).toBeInstanceOf(Unusable);
});

test.each(["a b", "a/b", "u@a", "", "a,b", "é"])("the host %j is refused", (host) => {
  expect(refuseForm(request({ host }))).toBeInstanceOf(Unusable);
});

test.each(["?a=%ff", "?a=%", "?a=1;b=2"])("the query %j is refused", (query) => {
  expect(httpCall(request({ path: `/x${query}` }), { tool: "t", action: "a" })).toBeInstanceOf(Unusable);
});

test("whatever comes is either read or refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.string({ maxLength: 40 }), fc.json(), (bytes, path, json) => {
      for (const body of [bytes, json]) {
        const one = request({ body, path });
        for (const read of [mcpCall(one, "mail"), httpCall(one, { tool: "t", action: "a" }), refuseForm(one)])
          expect(read === undefined || read instanceof Unusable || ["call", "talk"].includes(read.kind)).toBe(true);
      }
    }),
    { numRuns: 1000 },
  );
});
