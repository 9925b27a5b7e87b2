import { createHash, createHmac } from "node:crypto";
import type { Duplex } from "node:stream";
import { type Peer, peer } from "./peer.ts";

export interface Slack extends AsyncDisposable {
  readonly apiUrl: string;
  /** What was said to one method of the API, oldest first. */
  said(method: string): Record<string, string>[];
  /** Answers of methods, to be replaced. */
  readonly answers: Record<string, () => object | Promise<object>>;
  /** How many Socket Mode connections are open. */
  connections(): number;
  /** Sends an envelope over the last connection; resolves to what is acknowledged. */
  send(envelope: { envelope_id: string; type: string; payload: unknown }): void;
  readonly acknowledged: string[];
}

/** The other end of Slack's HTTP API and Socket Mode, as far as approvals speak to it. */
export async function slackImitation(): Promise<Slack> {
  const http: Peer = await peer();
  let message = 0;
  const sockets = new Set<Duplex>();
  const acknowledged: string[] = [];
  const answers: Record<string, () => object | Promise<object>> = {
    "chat.postMessage": () => ({ ok: true, channel: "C0FINANCE", ts: `1760000000.${String(++message).padStart(6, "0")}` }),
    "chat.update": () => ({ ok: true }),
    "chat.postEphemeral": () => ({ ok: true }),
    "apps.connections.open": () => ({ ok: true, url: `${http.url.replace("http", "ws")}/link` }),
  };
  http.answer = ({ path }) => ({ status: 200, json: answers[path.slice("/api/".length)]?.() ?? { ok: false, error: "unknown_method" } });
  http.server.on("upgrade", (request, socket) => {
    // RFC 6455 §4.2.2.
    const accept = createHash("sha1")
      .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest("base64");
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
    let buffered: Buffer = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      buffered = Buffer.concat([buffered, chunk]);
      for (let frame = takeFrame(buffered); frame !== undefined; frame = takeFrame(buffered)) {
        buffered = frame.rest;
        if (frame.opcode === 1) acknowledged.push(JSON.parse(frame.payload.toString()).envelope_id);
        if (frame.opcode === 9) socket.write(frameOf(frame.payload, 10));
        if (frame.opcode === 8) socket.end(frameOf(frame.payload, 8));
      }
    });
    socket.write(frameOf(Buffer.from(JSON.stringify({ type: "hello" }))));
  });
  return {
    apiUrl: `${http.url}/api/`,
    answers,
    acknowledged,
    said: (method) =>
      http.heard
        .filter(({ path }) => path === `/api/${method}`)
        .map(({ text }) => Object.fromEntries(new URLSearchParams(text)) as Record<string, string>),
    connections: () => sockets.size,
    send: (envelope) => void [...sockets].at(-1)?.write(frameOf(Buffer.from(JSON.stringify(envelope)))),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await http[Symbol.asyncDispose]();
    },
  };
}

/** A client's frame is masked (RFC 6455 §5.2). */
function takeFrame(bytes: Buffer): { opcode: number; payload: Buffer; rest: Buffer } | undefined {
  if (bytes.length < 6) return undefined;
  let length = (bytes[1] ?? 0) & 0x7f;
  let at = 2;
  if (length === 126) {
    length = bytes.readUInt16BE(2);
    at = 4;
  }
  if (bytes.length < at + 4 + length) return undefined;
  const mask = bytes.subarray(at, at + 4);
  const payload = Buffer.from(bytes.subarray(at + 4, at + 4 + length).map((byte, index) => byte ^ (mask[index % 4] ?? 0)));
  return { opcode: (bytes[0] ?? 0) & 0x0f, payload, rest: bytes.subarray(at + 4 + length) };
}

function frameOf(payload: Buffer, opcode = 1): Buffer {
  const head =
    payload.length < 126
      ? Buffer.from([0x80 | opcode, payload.length])
      : Buffer.from([0x80 | opcode, 126, payload.length >> 8, payload.length & 0xff]);
  return Buffer.concat([head, payload]);
}

/** What Slack posts when somebody presses a button, and its headers. */
export function pressed(options: { value: string; member: string; decision: "approve" | "deny"; secret: string; atSeconds?: number }) {
  const payload = payloadOf(options);
  const body = new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
  const timestamp = String(options.atSeconds ?? Math.floor(Date.now() / 1000));
  const signature = `v0=${createHmac("sha256", options.secret).update(`v0:${timestamp}:${body}`).digest("hex")}`;
  const headers = {
    "content-type": "application/x-www-form-urlencoded",
    "x-slack-request-timestamp": timestamp,
    "x-slack-signature": signature,
  };
  return { body, headers };
}

let trigger = 0;
export const payloadOf = ({ value, member, decision }: { value: string; member: string; decision: "approve" | "deny" }) => ({
  type: "block_actions",
  team: { id: "T0ACME" },
  user: { id: member, team_id: "T0ACME" },
  trigger_id: String(++trigger),
  channel: { id: "C0FINANCE" },
  actions: [{ type: "button", action_id: `aegis_${decision}`, block_id: "aegis_decide", value }],
});
