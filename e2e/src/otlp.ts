import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

/** A span as a collector received it. */
export interface ReceivedSpan {
  readonly service: string;
  readonly trace: string;
  readonly span: string;
  readonly parent: string;
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly events: readonly { readonly name: string; readonly attributes: Readonly<Record<string, string>> }[];
}

/** A collector: takes OTLP over HTTP in protobuf, as an OpenTelemetry collector does. */
export async function otlpCollector(): Promise<AsyncDisposable & { readonly url: string; readonly spans: ReceivedSpan[] }> {
  const spans: ReceivedSpan[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const isTraces = request.url === "/v1/traces" && request.headers["content-type"] === "application/x-protobuf";
    if (isTraces) spans.push(...spansOf(request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body));
    response.writeHead(isTraces ? 200 : 400, { "content-type": "application/x-protobuf" }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

type Message = ReadonlyMap<number, readonly (Uint8Array | bigint | number)[]>;

/** A message's fields by their numbers; what is a message in its turn stays bytes. */
function fields(bytes: Uint8Array): Message {
  const found = new Map<number, (Uint8Array | bigint | number)[]>();
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    const value =
      type === WireType.LengthDelimited
        ? reader.bytes()
        : type === WireType.Bit64
          ? (reader.fixed64() as bigint)
          : type === WireType.Bit32
            ? reader.fixed32()
            : (reader.uint64() as bigint);
    found.set(number, [...(found.get(number) ?? []), value]);
  }
  return found;
}

const messages = (message: Message, field: number): Message[] => (message.get(field) ?? []).map((value) => fields(value as Uint8Array));
const text = (message: Message, field: number): string => Buffer.from((message.get(field)?.[0] as Uint8Array | undefined) ?? []).toString();
const hex = (message: Message, field: number): string =>
  Buffer.from((message.get(field)?.[0] as Uint8Array | undefined) ?? []).toString("hex");

/** opentelemetry/proto/common/v1: KeyValue {key = 1, value = 2}, AnyValue {string = 1, bool = 2, int = 3, double = 4, array = 5 {values = 1}}. */
function attributesOf(message: Message, field: number): Record<string, string> {
  return Object.fromEntries(messages(message, field).map((pair) => [text(pair, 1), messages(pair, 2).map(anyValue).join()]));
}

function anyValue(value: Message): string {
  if (value.has(1)) return text(value, 1);
  if (value.has(5))
    return messages(value, 5)
      .flatMap((array) => messages(array, 1).map(anyValue))
      .join(" ");
  return String(value.get(2)?.[0] ?? value.get(3)?.[0] ?? value.get(4)?.[0] ?? "");
}

/** opentelemetry/proto/collector/trace/v1 and trace/v1. */
function spansOf(bytes: Uint8Array): ReceivedSpan[] {
  return messages(fields(bytes), 1).flatMap((resourceSpans) => {
    const service = messages(resourceSpans, 1).map((resource) => attributesOf(resource, 1)["service.name"] ?? "")[0] ?? "";
    return messages(resourceSpans, 2)
      .flatMap((scopeSpans) => messages(scopeSpans, 2))
      .map((span) => ({
        service,
        trace: hex(span, 1),
        span: hex(span, 2),
        parent: hex(span, 4),
        name: text(span, 5),
        attributes: attributesOf(span, 9),
        events: messages(span, 11).map((event) => ({ name: text(event, 2), attributes: attributesOf(event, 3) })),
      }));
  });
}
