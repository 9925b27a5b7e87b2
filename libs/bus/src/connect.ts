import { AegisError } from "@aegis/contracts/errors";
import { sleep } from "@aegis/service/clock";
import type { Logger } from "@aegis/service/logger";
import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { Backoff } from "./backoff.ts";

export interface BusOptions {
  /** nats://host:port, or several separated by commas. */
  readonly url: string;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** Name of the connection as the server shows it; without a user it also names the inbox. */
  readonly name: string;
  readonly logger: Logger;
  /** Copies of every stream, bucket and object store; 3 on a cluster. Default 1. */
  readonly replicas?: number;
  /**
   * True (default): resolve once the first connection stands, however long that takes.
   * False: resolve at once; `connected()` says how it is and `ready()` waits. For what must run without NATS.
   */
  readonly wait?: boolean;
}

/** One connection to NATS that is never given up. */
export interface Bus extends AsyncDisposable {
  /** These three throw `unavailable` before the first connection; afterwards they stay valid through every reconnect. */
  readonly connection: NatsConnection;
  readonly jetstream: JetStreamClient;
  readonly manager: JetStreamManager;
  /** Copies that every stream, bucket and object store must have. */
  readonly replicas: number;
  /** Where answers meant for this connection may come: `<prefix>.>`. */
  readonly inboxPrefix: string;
  connected(): boolean;
  /** Resolves with the first connection; rejects `unavailable` when the bus is closed before that. */
  ready(): Promise<void>;
  /** Calls back on every change of `connected()`, and once now; returns how to stop that. */
  onStatus(listener: (connected: boolean) => void): () => void;
}

/**
 * Connects for ever: neither a missing server, nor a restart, nor a rejected login ends the attempts.
 * The inbox prefix is `_INBOX_<user>`, so that a server can keep one service from reading the answers meant for another.
 */
export async function connectBus(options: BusOptions): Promise<Bus> {
  const bus = new Connection(options);
  if (options.wait ?? true) await bus.ready();
  return bus;
}

/** Resolves when the bus is connected, or on abort; never rejects. */
export function untilConnected(bus: Bus, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      signal.removeEventListener("abort", finish);
      // The first call comes before there is anything to take back.
      queueMicrotask(() => unsubscribe());
      resolve();
    };
    const unsubscribe = bus.onStatus((up) => {
      if (up) finish();
    });
    signal.addEventListener("abort", finish, { once: true });
    if (signal.aborted) finish();
  });
}

class Connection implements Bus {
  readonly inboxPrefix: string;
  readonly replicas: number;
  readonly #listeners = new Set<(connected: boolean) => void>();
  readonly #logger: Logger;
  readonly #ready: Promise<void>;
  readonly #closing = new AbortController();
  #links: { connection: NatsConnection; jetstream: JetStreamClient; manager: JetStreamManager } | undefined;
  #connected = false;

  constructor(options: BusOptions) {
    this.replicas = options.replicas ?? 1;
    this.#logger = options.logger;
    this.inboxPrefix = inboxPrefixOf(options);
    this.#ready = this.#open(options);
    // Whoever needs the outcome awaits ready(); an unwatched failure must not end the process.
    this.#ready.catch(() => undefined);
  }

  get connection(): NatsConnection {
    return this.#opened().connection;
  }

  get jetstream(): JetStreamClient {
    return this.#opened().jetstream;
  }

  get manager(): JetStreamManager {
    return this.#opened().manager;
  }

  connected(): boolean {
    return this.#connected;
  }

  ready(): Promise<void> {
    return this.#ready;
  }

  onStatus(listener: (connected: boolean) => void): () => void {
    this.#listeners.add(listener);
    listener(this.#connected);
    return () => this.#listeners.delete(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    const links = this.#links;
    if (links === undefined || links.connection.isClosed()) return;
    // A drain against a dead server would wait for ever.
    if (this.#connected) await Promise.race([links.connection.drain(), sleep(2_000)]).catch(() => undefined);
    await links.connection.close();
  }

  #opened() {
    if (this.#links === undefined) throw new AegisError("unavailable", "NATS is not connected yet");
    return this.#links;
  }

  async #open(options: BusOptions): Promise<void> {
    const connection = await this.#firstConnection(options);
    const js = jetstream(connection, { timeout: 5_000 });
    // Without the account check: JetStream may still be starting, and every call says so by itself.
    const manager = await jetstreamManager(connection, { timeout: 5_000, checkAPI: false });
    this.#links = { connection, jetstream: js, manager };
    this.#report(true);
    void this.#follow(connection);
  }

  /** One attempt at a time, so that closing the bus ends them; `waitOnFirstConnect` could not be called off. */
  async #firstConnection(options: BusOptions): Promise<NatsConnection> {
    const backoff = new Backoff(100, 2_000);
    for (let attempt = 0; ; attempt++) {
      if (this.#closing.signal.aborted) throw new AegisError("unavailable", "the bus was closed before it connected");
      try {
        const connection = await connect(connectionOptions(options));
        if (!this.#closing.signal.aborted) return connection;
        await connection.close();
      } catch (error) {
        const level = attempt % 20 === 0 ? "warn" : "debug";
        this.#logger[level]({ err: error, url: options.url }, "NATS is not reachable; trying again");
        await backoff.wait(this.#closing.signal);
      }
    }
  }

  async #follow(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === "disconnect" || status.type === "close") this.#report(false);
      else if (status.type === "reconnect") this.#report(true);
      else if (status.type === "error") this.#logger.warn({ err: status.error }, "NATS reported an error");
    }
    this.#report(false);
  }

  #report(connected: boolean): void {
    if (connected === this.#connected) return;
    this.#connected = connected;
    this.#logger.info({ connected }, connected ? "NATS connected" : "NATS disconnected");
    for (const listener of this.#listeners) listener(connected);
  }
}

function connectionOptions(options: BusOptions) {
  const login = options.user === undefined ? {} : { user: options.user, pass: options.password ?? "" };
  return {
    servers: options.url.split(","),
    ...login,
    name: options.name,
    inboxPrefix: inboxPrefixOf(options),
    timeout: 5_000,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 500,
    ignoreAuthErrorAbort: true,
    pingInterval: 10_000,
    maxPingOut: 3,
  };
}

const inboxPrefixOf = ({ user, name }: BusOptions) => `_INBOX_${user ?? name}`;
