import { type JsonObject, type JsonValue, parseIJsonValue } from "@aegis/canonical/ijson";
import { isObject } from "./mcp-call.ts";

/** What a tool answered, in the parts that are judged. */
export interface ToolResult {
  readonly parts: readonly JsonValue[];
  /** The same answer with these parts in the others' places. */
  readonly rewrite: (parts: readonly JsonValue[]) => Uint8Array;
}

/** More messages than this in one answer are not judged one by one. */
const mostMessages = 64;

/**
 * Reads an HTTP answer: a JSON value, a text, or the messages of an MCP server, also as server-sent events. Undefined when it cannot be
 * read, and so not be judged.
 *
 * @throws AegisError `invalid_argument` for JSON that two readers could understand differently.
 */
export function toolResult(headers: ReadonlyMap<string, string>, body: Uint8Array, { mcp }: { mcp: boolean }): ToolResult | undefined {
  if (body.length === 0) return { parts: [], rewrite: () => body };
  const encoding = headers.get("content-encoding");
  if (encoding !== undefined && encoding.toLowerCase() !== "identity") return undefined;
  const type = (headers.get("content-type") ?? "").toLowerCase();
  if (/^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/.test(type)) return mcp ? messages(parseIJsonValue(body)) : json(parseIJsonValue(body));
  const text = decode(body);
  if (text === undefined) return undefined;
  if (type.startsWith("text/event-stream")) return mcp ? eventStream(text) : undefined;
  if (!/^text\/[\w.+-]+\s*(?:;\s*charset="?(?:utf-8|us-ascii)"?\s*)?$/.test(type)) return undefined;
  return { parts: [text], rewrite: ([changed]) => Buffer.from(typeof changed === "string" ? changed : JSON.stringify(changed)) };
}

const json = (value: JsonValue): ToolResult => ({ parts: [value], rewrite: ([changed]) => toBytes(changed ?? null) });

/** One JSON-RPC message; a batch is none. */
function messages(value: JsonValue): ToolResult | undefined {
  const one = message(value);
  return one && { parts: [one.part], rewrite: ([part]) => toBytes(one.rewrite(part ?? null)) };
}

/** What a message says, without what only ties it to its question. */
function message(value: JsonValue): { part: JsonValue; rewrite: (part: JsonValue) => JsonObject } | undefined {
  if (!isObject(value)) return undefined;
  const said = (["result", "error", "params"] as const).filter((name) => value[name] !== undefined);
  const [name] = said;
  if (said.length > 1) return undefined;
  if (name === undefined) return { part: {}, rewrite: () => value };
  return { part: value[name] as JsonValue, rewrite: (part) => ({ ...value, [name]: part }) };
}

/** Server-sent events (WHATWG HTML §9.2), each with one JSON-RPC message. */
function eventStream(text: string): ToolResult | undefined {
  const events = text
    .replace(/^\ufeff/, "")
    .replace(/\r\n?/g, "\n")
    .split("\n\n");
  if (events.length > mostMessages) return undefined;
  const read = events.map((event) => {
    const lines = event.split("\n");
    const isData = (line: string) => line === "data" || line.startsWith("data:");
    const data = lines.filter(isData).map((line) => line.slice(5).replace(/^ /, ""));
    const rest = lines.filter((line) => /^(?:event|id|retry)(?::|$)/.test(line));
    return { rest, message: data.join("\n") === "" ? null : (message(parseIJsonValue(data.join("\n"))) ?? undefined) };
  });
  if (read.some((event) => event.message === undefined)) return undefined;
  const parts = read.flatMap((event) => (event.message ? [event.message.part] : []));
  return {
    parts,
    rewrite: (changed) => {
      const left = [...changed];
      const written = read.map(({ rest, message: one }) => [
        ...rest,
        ...(one ? [`data: ${JSON.stringify(one.rewrite(left.shift() ?? null))}`] : []),
      ]);
      return Buffer.from(written.flatMap((lines) => (lines.length > 0 ? [`${lines.join("\n")}\n\n`] : [])).join(""));
    },
  };
}

/** The tools of an answer to `tools/list`, if it is one. */
export function toolNames(part: JsonValue): string[] {
  const tools = isObject(part) ? part.tools : undefined;
  return Array.isArray(tools) ? tools.flatMap((tool) => (isObject(tool) && typeof tool.name === "string" ? [tool.name] : [])) : [];
}

/** The answer with these tools only. */
export function keepTools(part: JsonValue, keep: ReadonlySet<string>): JsonValue {
  if (!isObject(part) || part.tools === undefined) return part;
  const tools = Array.isArray(part.tools) ? part.tools : [];
  return { ...part, tools: tools.filter((tool) => isObject(tool) && typeof tool.name === "string" && keep.has(tool.name)) };
}

function decode(body: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return undefined;
  }
}

const toBytes = (value: JsonValue) => Buffer.from(JSON.stringify(value));
