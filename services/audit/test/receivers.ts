import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";

/** A receiver of a test's own that can go away and come back at the same place. */
export interface Receiver extends AsyncDisposable {
  readonly port: number;
  /** Sequences in the order in which they were first taken for good. */
  readonly taken: number[];
  /** How often anything was taken, repeats included. */
  deliveries: number;
  down(): Promise<void>;
  up(): Promise<void>;
}

const note = (receiver: Pick<Receiver, "taken"> & { deliveries: number }, sequences: readonly number[]) => {
  receiver.deliveries += sequences.length;
  for (const sequence of sequences) if (!receiver.taken.includes(sequence)) receiver.taken.push(sequence);
};

type Answer = { status: number; body: object };

async function httpReceiver(answer: (request: IncomingMessage, body: string, receiver: Receiver) => Answer): Promise<Receiver> {
  let server: Server | undefined;
  let port = 0;
  const receiver: Receiver = {
    get port() {
      return port;
    },
    taken: [],
    deliveries: 0,
    async down() {
      const old = server;
      server = undefined;
      old?.closeAllConnections();
      await new Promise((resolve) => (old ? old.close(resolve) : resolve(undefined)));
    },
    async up() {
      server = createServer(async (request, response) => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk);
        const { status, body } = answer(request, Buffer.concat(chunks).toString(), receiver);
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
      });
      await new Promise<void>((resolve) => server?.listen(port, "127.0.0.1", resolve));
      port = (server.address() as AddressInfo).port;
    },
    [Symbol.asyncDispose]: () => receiver.down(),
  };
  await receiver.up();
  return receiver;
}

/** Splits JSON objects that follow each other, as HEC takes them. */
function jsonSequence(text: string): Record<string, unknown>[] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => JSON.parse(line));
}

export interface SplunkOptions {
  readonly token: string;
  /** Sequences that it can never use. */
  readonly refuses?: ReadonlySet<number>;
  /** Says so before each answer: "busy" is 503, "lost" takes the events and drops the connection's answer. */
  readonly mood?: () => "well" | "busy";
}

interface HecEvent {
  event: { metadata: { sequence: number } };
}

/** Splunk's HTTP Event Collector, as far as its documented protocol goes: indexer acknowledgement included. */
export function splunkReceiver({ token, refuses = new Set(), mood = () => "well" }: SplunkOptions): Promise<Receiver> {
  const pending = new Map<string, number[]>();
  let acks = 0;
  return httpReceiver((request, body, receiver) => {
    if (request.headers.authorization !== `Splunk ${token}`) return { status: 403, body: { text: "Invalid token", code: 4 } };
    if (mood() === "busy") return { status: 503, body: { text: "Server is busy", code: 9 } };
    if (request.url === "/services/collector/ack") {
      const [id] = (JSON.parse(body) as { acks: number[] }).acks;
      const key = `${request.headers["x-splunk-request-channel"]} ${id}`;
      note(receiver, pending.get(key) ?? []);
      return { status: 200, body: { acks: { [String(id)]: pending.delete(key) } } };
    }
    const sequences = (jsonSequence(body) as unknown as HecEvent[]).map(({ event }) => event.metadata.sequence);
    const bad = sequences.findIndex((sequence) => refuses.has(sequence));
    if (bad >= 0) {
      note(receiver, sequences.slice(0, bad));
      return { status: 400, body: { text: "Invalid data format", code: 6, "invalid-event-number": bad } };
    }
    const channel = request.headers["x-splunk-request-channel"];
    if (channel === undefined) note(receiver, sequences);
    else pending.set(`${channel} ${acks}`, sequences);
    return { status: 200, body: { text: "Success", code: 0, ...(channel === undefined ? {} : { ackId: acks++ }) } };
  });
}

export interface ElasticOptions {
  readonly apiKey: string;
  /** What becomes of a document now: its status. */
  readonly statusOf: (sequence: number) => number;
}

/** Elasticsearch's `_bulk`, for creating. */
export function elasticReceiver({ apiKey, statusOf }: ElasticOptions): Promise<Receiver & { readonly documents: Map<string, unknown> }> {
  const documents = new Map<string, unknown>();
  return httpReceiver((request, body, receiver) => {
    if (request.headers.authorization !== `ApiKey ${apiKey}`) return { status: 401, body: {} };
    if (request.url !== "/_bulk" || !body.endsWith("\n")) return { status: 400, body: {} };
    const lines = jsonSequence(body);
    const items = [];
    for (let at = 0; at < lines.length; at += 2) {
      const { create } = lines[at] as { create: { _index: string; _id: string } };
      const document = lines[at + 1] as { event: { sequence: number } };
      const { sequence } = document.event;
      let status = statusOf(sequence);
      if (status === 201 && documents.has(create._id)) status = 409;
      if (status === 201) {
        documents.set(create._id, document);
        note(receiver, [sequence]);
      }
      items.push({
        create: { _id: create._id, status, ...(status >= 400 ? { error: { type: "e", reason: `because ${sequence}` } } : {}) },
      });
    }
    return { status: 200, body: { errors: items.some(({ create }) => create.status >= 400), items } };
  }).then((receiver) => Object.assign(receiver, { documents }));
}

/** A certificate authority and a server's certificate, as PEM files. */
export function certificates(): { ca: string; cert: string; key: string } & Disposable {
  const directory = mkdtempSync(join(tmpdir(), "aegis-tls-"));
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: directory, stdio: "pipe" });
  openssl(
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-days",
    "2",
    "-subj",
    "/CN=test authority",
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
  );
  openssl(
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-days",
    "2",
    "-subj",
    "/CN=localhost",
    "-addext",
    "subjectAltName=DNS:localhost",
    "-addext",
    "basicConstraints=critical,CA:FALSE",
    "-CA",
    "ca.pem",
    "-CAkey",
    "ca.key",
    "-keyout",
    "server.key",
    "-out",
    "server.pem",
  );
  const read = (name: string) => readFileSync(join(directory, name), "utf8");
  return {
    ca: read("ca.pem"),
    cert: read("server.pem"),
    key: read("server.key"),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** What a syslog receiver heard, message by message. */
export interface SyslogReceiver extends Receiver {
  readonly messages: string[];
}

/**
 * RFC 5425: octet-counted frames over TLS. `dies` has it drop the connection after so many bytes, with what it had read not kept: what a
 * crash does.
 */
export async function syslogReceiver(pem: { cert: string; key: string }, dies: () => number | undefined): Promise<SyslogReceiver> {
  const messages: string[] = [];
  const sockets = new Set<Socket>();
  let server: ReturnType<typeof createTlsServer> | undefined;
  let port = 0;
  const receiver: SyslogReceiver = {
    get port() {
      return port;
    },
    messages,
    taken: [],
    deliveries: 0,
    async down() {
      const old = server;
      server = undefined;
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => (old ? old.close(resolve) : resolve(undefined)));
    },
    async up() {
      server = createTlsServer({ ...pem, allowHalfOpen: true }, (socket) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        const most = dies();
        socket.on("data", (chunk: Buffer) => {
          chunks.push(chunk);
          bytes += chunk.length;
          if (most !== undefined && bytes > most) socket.destroy();
        });
        socket.on("error", () => undefined);
        socket.on("end", () => {
          const frames = deframe(Buffer.concat(chunks));
          messages.push(...frames);
          note(
            receiver,
            frames.map((frame) => Number(/ cn1=(\d+) /.exec(frame)?.[1])),
          );
          socket.end();
        });
      });
      // Those whose handshake failed, too: half open, they would keep the server from closing.
      server.on("connection", (socket: Socket) => {
        sockets.add(socket);
        socket.on("close", () => sockets.delete(socket));
      });
      await new Promise<void>((resolve) => server?.listen(port, "127.0.0.1", resolve));
      port = (server.address() as AddressInfo).port;
    },
    [Symbol.asyncDispose]: () => receiver.down(),
  };
  await receiver.up();
  return receiver;
}

function deframe(bytes: Buffer): string[] {
  const frames: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(bytes.subarray(at, space).toString());
    if (!Number.isSafeInteger(length) || length < 1) throw new Error("not a frame");
    frames.push(bytes.subarray(space + 1, space + 1 + length).toString("utf8"));
    at = space + 1 + length;
  }
  return frames;
}
