import { expect, test } from "vitest";
import { keepTools, toolNames, toolResult } from "./tool-result.ts";

const read = (body: string | Uint8Array, type: string, mcp = true, more: Record<string, string> = {}) =>
  toolResult(new Map(Object.entries({ "content-type": type, ...more })), Buffer.from(body), { mcp });
const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString();

test("the messages of an event stream are judged one by one and go back as events", () => {
  const stream =
    ': hello\r\nevent: message\r\nid: 7\r\ndata: {"jsonrpc":"2.0","id":1,\r\ndata: "result":{"a":"x"}}\r\n\r\ndata: {"method":"m","params":{"b":1}}\n\n';
  const result = read(stream, "text/event-stream");
  expect(result?.parts).toEqual([{ a: "x" }, { b: 1 }]);
  expect(text(result?.rewrite([{ a: "[email]" }, { b: 2 }]))).toBe(
    'event: message\nid: 7\ndata: {"jsonrpc":"2.0","id":1,"result":{"a":"[email]"}}\n\ndata: {"method":"m","params":{"b":2}}\n\n',
  );
});

test("only tools with a name on the list are shown", () => {
  const listed = { tools: [{ name: "a" }, { name: "b" }, { name: 1 }, null, "a"], nextCursor: "c" };
  const result = read(JSON.stringify({ jsonrpc: "2.0", id: 1, result: listed }), "application/json; charset=utf-8");
  expect(result?.parts.flatMap(toolNames)).toEqual(["a", "b"]);
  expect(keepTools(result?.parts[0] ?? null, new Set(["a"]))).toEqual({ tools: [{ name: "a" }], nextCursor: "c" });
  expect(keepTools({ tools: { name: "b" } }, new Set())).toEqual({ tools: [] });
});

test("a plain tool's JSON and text are judged whole", () => {
  const json = read('[{"a":1}]', "application/json", false);
  expect([json?.parts, text(json?.rewrite([[]]))]).toEqual([[[{ a: 1 }]], "[]"]);
  const plain = read("hello", "text/plain", false);
  expect([plain?.parts, text(plain?.rewrite(["bye"]))]).toEqual([["hello"], "bye"]);
  expect(read("", "image/png", false)?.parts).toEqual([]);
});

test.each<[string, string | Uint8Array, string, boolean, Record<string, string>?]>([
  ["compressed", "{}", "application/json", true, { "content-encoding": "gzip" }],
  ["an image", "x", "image/png", false],
  ["of no type", "x", "", false],
  ["text in another encoding", "x", "text/plain; charset=utf-16", false],
  ["text that is no UTF-8", Buffer.from([0xff]), "text/plain", false],
  ["a batch of messages", "[{}]", "application/json", true],
  ["a message with a result and an error", '{"result":{},"error":{}}', "application/json", true],
  ["an event that is no message", "data: [1]\n\n", "text/event-stream", true],
  ["an event stream of a plain tool", "data: {}\n\n", "text/event-stream", false],
])("an answer that is %s cannot be judged", (_, body, type, mcp, more) => {
  expect(read(body, type, mcp, more)).toBeUndefined();
});

test.each(['{"result":{"a":1,"a":2}}', "{", '{"a":1}x'])("%s is refused as JSON", (body) => {
  expect(() => read(body, "application/json")).toThrow(/not I-JSON/);
});
