/**
 * A gRPC load client on bare HTTP/2 frames, so that the client costs far less than the server it measures.
 * Closed loop: every connection keeps `streams` calls open and sends the next as soon as one is answered.
 * Open loop, with a `rate`: calls come by chance (Poisson), whether or not earlier ones were answered, and each one's time counts from when
 * it was to be sent: a server that stalls is charged for everything that waited meanwhile.
 * Runs as a process of its own: `node load.ts '<JSON of LoadOptions>'` prints one JSON LoadResult.
 */
import { connect, type Socket } from "node:net";
import { build } from "hdr-histogram-js";

export interface LoadOptions {
  /** host:port */
  readonly address: string;
  /** "/package.Service/Method" */
  readonly path: string;
  /** The protobuf message, base64. */
  readonly message: string;
  /** The bytes an answer's message must begin with, hex; any other answer counts as wrong. */
  readonly expect: string;
  /** Absent: gRPC. A plain body is posted as JSON, and a right answer holds `expect` anywhere. */
  readonly plain?: boolean;
  readonly connections: number;
  /** Most calls that one connection has open. */
  readonly streams: number;
  /** Calls per second of an open loop. */
  readonly rate?: number;
  /** Length of the stretches that `windows` tells of. */
  readonly windowMs?: number;
  readonly warmupMs: number;
  readonly measureMs: number;
}

export interface LoadResult {
  readonly perSecond: number;
  readonly answered: number;
  /** Right answers of the whole run, the warm-up too. */
  readonly total: number;
  /** Answers that were not the expected one, streams reset, connections lost. */
  readonly wrong: number;
  /** Of the whole run: calls answered by a status without a message. */
  readonly refused: number;
  /** One after the other from the run's start: right answers, their p99 in milliseconds, and refusals. */
  readonly windows: readonly { readonly answered: number; readonly p99: number; readonly refused: number }[];
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  /** Processor time of the client itself for the whole run, in microseconds. */
  readonly clientMicros: number;
}

const frameHeader = 9;
const data = 0;
const headers = 1;
const reset = 3;
const settings = 4;
const ping = 6;
const goaway = 7;
const windowUpdate = 8;

function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.alloc(frameHeader + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  payload.copy(bytes, frameHeader);
  return bytes;
}

/** RFC 7541 §6.2.2: literal header field without indexing, no Huffman coding; lengths below 127. */
function literal(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]);
}

type Outcome = "right" | "wrong" | "refused";

class Connection {
  readonly #done: (sentAt: number, outcome: Outcome) => void;
  readonly #plain: boolean;
  readonly #streams: number;
  readonly #closed: boolean;
  /** Calls of an open loop that wait for a free stream: when each was to be sent. */
  #late: number[] = [];
  readonly #template: Buffer;
  readonly #dataAt: number;
  readonly #expect: Buffer;
  readonly #open = new Map<number, { sentAt: number; right: boolean; message: boolean }>();
  readonly #socket: Socket;
  #nextStream = 1;
  #rest: Buffer = Buffer.alloc(0);
  #window = 65_535;
  #received = 0;
  #waiting: number[] = [];
  #outgoing: Buffer[] = [];
  #finishing = false;
  #lost = false;

  constructor(options: LoadOptions, done: (sentAt: number, outcome: Outcome) => void) {
    this.#done = done;
    this.#plain = options.plain === true;
    this.#streams = options.streams;
    this.#closed = options.rate === undefined;
    this.#expect = Buffer.from(options.expect, "hex");
    const message = Buffer.from(options.message, "base64");
    const body = this.#plain ? message : Buffer.concat([Buffer.alloc(5), message]);
    if (!this.#plain) body.writeUInt32BE(message.length, 1);
    const block = Buffer.concat([
      literal(":method", "POST"),
      literal(":scheme", "http"),
      literal(":path", options.path),
      literal(":authority", "localhost"),
      literal("content-type", this.#plain ? "application/json" : "application/grpc"),
      ...(this.#plain ? [literal("content-length", String(body.length))] : [literal("te", "trailers")]),
    ]);
    this.#template = Buffer.concat([frame(headers, 4, 0, block), frame(data, 1, 0, body)]);
    this.#dataAt = frameHeader + block.length;
    const [host, port] = options.address.split(":");
    this.#socket = connect(Number(port), host).setNoDelay();
    this.#socket.on("data", (chunk) => this.#read(chunk));
    this.#socket.on("error", () => this.#lose());
    this.#socket.on("close", () => this.#lose());
    const initialWindow = Buffer.alloc(6);
    initialWindow.writeUInt16BE(4, 0);
    initialWindow.writeUInt32BE(0x7fffffff, 2);
    const grow = Buffer.alloc(4);
    grow.writeUInt32BE(0x3fffffff);
    this.#socket.write(
      Buffer.concat([
        Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        frame(settings, 0, 0, initialWindow),
        frame(windowUpdate, 0, 0, grow),
      ]),
    );
    for (let stream = 0; this.#closed && stream < options.streams; stream++) this.#send(performance.now());
    this.flush();
  }

  /** One call of an open loop. */
  offer(at: number): void {
    if (this.#open.size + this.#waiting.length >= this.#streams) this.#late.push(at);
    else this.#send(at);
  }

  /** Sends nothing more, and closes when the last call is answered or a second has passed. */
  async finish(): Promise<void> {
    this.#finishing = true;
    for (const until = performance.now() + 1_000; this.#open.size > 0 && !this.#lost && performance.now() < until; ) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    this.#lost = true;
    this.#socket.destroy();
  }

  #send(at: number): void {
    const size = this.#template.length - this.#dataAt - frameHeader;
    if (this.#window < size) {
      this.#waiting.push(at);
      return;
    }
    this.#window -= size;
    const bytes = Buffer.from(this.#template);
    bytes.writeUInt32BE(this.#nextStream, 5);
    bytes.writeUInt32BE(this.#nextStream, this.#dataAt + 5);
    this.#open.set(this.#nextStream, { sentAt: at, right: false, message: false });
    this.#nextStream += 2;
    this.#outgoing.push(bytes);
  }

  flush(): void {
    if (this.#outgoing.length > 0 && !this.#socket.destroyed) this.#socket.write(Buffer.concat(this.#outgoing));
    this.#outgoing = [];
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    let at = 0;
    while (bytes.length - at >= frameHeader) {
      const length = bytes.readUIntBE(at, 3);
      if (bytes.length - at < frameHeader + length) break;
      const payload = bytes.subarray(at + frameHeader, at + frameHeader + length);
      this.#frame(bytes[at + 3] ?? 0, bytes[at + 4] ?? 0, bytes.readUInt32BE(at + 5) & 0x7fffffff, payload);
      at += frameHeader + length;
    }
    this.#rest = at < bytes.length ? Buffer.from(bytes.subarray(at)) : Buffer.alloc(0);
    this.flush();
  }

  #frame(type: number, flags: number, stream: number, payload: Buffer): void {
    if (type === settings && !(flags & 1)) this.#outgoing.push(frame(settings, 1, 0));
    else if (type === ping && !(flags & 1)) this.#outgoing.push(frame(ping, 1, 0, payload));
    else if (type === goaway) this.#lose();
    else if (type === windowUpdate && stream === 0) {
      this.#window += payload.readUInt32BE(0);
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const at of waiting) this.#send(at);
    } else if (type === data || type === headers) {
      const call = this.#open.get(stream);
      if (type === data) this.#credit(payload.length);
      if (call === undefined) return;
      if (type === data && payload.length > 0) {
        call.message = true;
        // Five bytes of gRPC framing come before the message.
        if (this.#plain) call.right ||= payload.includes(this.#expect);
        else if (payload.length >= 5) call.right = payload.subarray(5, 5 + this.#expect.length).equals(this.#expect);
      }
      if (flags & 1) this.#finish(stream, call.right ? "right" : call.message ? "wrong" : "refused");
    } else if (type === reset) this.#finish(stream, "wrong");
  }

  #finish(stream: number, outcome: Outcome): void {
    const call = this.#open.get(stream);
    if (call === undefined) return;
    this.#open.delete(stream);
    this.#done(call.sentAt, outcome);
    if (this.#finishing) return;
    const late = this.#closed ? performance.now() : this.#late.shift();
    if (late !== undefined) this.#send(late);
  }

  #credit(received: number): void {
    this.#received += received;
    if (this.#received < 1 << 28) return;
    const grow = Buffer.alloc(4);
    grow.writeUInt32BE(this.#received);
    this.#outgoing.push(frame(windowUpdate, 0, 0, grow));
    this.#received = 0;
  }

  #lose(): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#finishing = true;
    for (const { sentAt } of this.#open.values()) this.#done(sentAt, "wrong");
  }
}

async function run(options: LoadOptions): Promise<LoadResult> {
  // Microseconds, up to one minute.
  const histogram = build({ lowestDiscernibleValue: 1, highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: 3 });
  const started = performance.now();
  const from = started + options.warmupMs;
  const until = from + options.measureMs;
  let answered = 0;
  let total = 0;
  let [wrong, refused] = [0, 0];
  const windows: { times: number[]; refused: number }[] = [];
  const windowOf = (now: number) => (windows[Math.floor((now - started) / (options.windowMs ?? 1_000))] ??= { times: [], refused: 0 });
  const connections = Array.from(
    { length: options.connections },
    () =>
      new Connection(options, (sentAt, outcome) => {
        const now = performance.now();
        if (outcome === "right") total++;
        else if (outcome === "wrong") wrong++;
        else refused++;
        if (options.windowMs !== undefined) {
          if (outcome === "right") windowOf(now).times.push(now - sentAt);
          else windowOf(now).refused++;
        }
        if (outcome === "right" && now >= from && now < until) {
          answered++;
          histogram.recordValue(Math.max(1, Math.round((now - sentAt) * 1000)));
        }
      }),
  );
  if (options.rate === undefined) await new Promise((resolve) => setTimeout(resolve, options.warmupMs + options.measureMs));
  else await arrive(connections, options.rate, until);
  await Promise.all(connections.map((connection) => connection.finish()));
  const at = (percentile: number) => histogram.getValueAtPercentile(percentile) / 1000;
  const { user, system } = process.cpuUsage();
  return {
    perSecond: Math.round((answered / options.measureMs) * 1000),
    ...{ answered, total, wrong, refused, p50: at(50), p99: at(99), p999: at(99.9) },
    clientMicros: user + system,
    windows: Array.from(windows, (one) => {
      const times = one?.times.toSorted((a, b) => a - b) ?? [];
      return { answered: times.length, p99: times[Math.floor((times.length - 1) * 0.99)] ?? 0, refused: one?.refused ?? 0 };
    }),
  };
}

/** Offers calls to the connections in turn, by chance, until the time is over. */
async function arrive(connections: readonly Connection[], rate: number, until: number): Promise<void> {
  const meanMs = 1_000 / rate;
  let turn = 0;
  for (let next = performance.now(); next < until; ) {
    for (const now = performance.now(); next <= now && next < until; next -= Math.log(1 - Math.random()) * meanMs)
      connections[turn++ % connections.length]?.offer(next);
    for (const connection of connections) connection.flush();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

console.log(JSON.stringify(await run(JSON.parse(process.argv[2] ?? "{}") as LoadOptions)));
