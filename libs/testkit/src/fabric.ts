import { createHmac, randomBytes } from "node:crypto";
import { type Bus, connectBus } from "@aegis/bus/connect";
import { ensureStreams } from "@aegis/bus/streams";
import { bootstrapDatabase, type DatabaseLogins, type ServiceLogin, type StatefulService } from "@aegis/infra/bootstrap";
import { connectDatabase } from "@aegis/postgres/connect";
import { createLogger, type Logger } from "@aegis/service/logger";
import { sql } from "kysely";
import { type NatsLogins, natsServer, postgresServer, type TestServer } from "./servers.ts";

/** A logger that says nothing, or what AEGIS_TEST_LOG_LEVEL asks for. */
export function testLogger(): Logger {
  return createLogger({ service: "test", instance: "test", level: process.env.AEGIS_TEST_LOG_LEVEL ?? "silent" });
}

export interface TestBusOptions extends NatsLogins {
  /** The login that makes the streams; needed where there are users. */
  readonly login?: { readonly user: string; readonly password: string };
}

export interface TestBus extends TestServer {
  /** Connected, with all streams, buckets and object stores made. */
  readonly bus: Bus;
  /** One more connection to the same server, closed with it. */
  connect(name: string, login?: { user: string; password: string }, wait?: boolean): Promise<Bus>;
}

/** A NATS server of its own, with JetStream in a temporary directory. */
export async function testBus(options: TestBusOptions = {}): Promise<TestBus> {
  const { login, ...logins } = options;
  const server = await natsServer(logins);
  const buses: Bus[] = [];
  const connect = async (name: string, as: { user: string; password: string } | undefined = undefined, wait = true): Promise<Bus> => {
    const bus = await connectBus({ url: server.url, name, logger: testLogger(), wait, ...as });
    buses.push(bus);
    return bus;
  };
  try {
    const bus = await connect("test", login);
    await ensureStreams(bus);
    return {
      bus,
      connect,
      url: server.url,
      kill: () => server.kill(),
      start: () => server.start(),
      async [Symbol.asyncDispose]() {
        await Promise.all(buses.map((each) => each[Symbol.asyncDispose]()));
        await server[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

/** `url` is the superuser's. */
export type TestPostgres = TestServer;

/** `url` is the runtime role's, `migrationUrl` the migrator's, who is a member of `owner`. */
export interface TestDatabase extends ServiceLogin, AsyncDisposable {
  /** Connection string of the superuser to this database. */
  readonly superuserUrl: string;
  /** The logins of all services to this database. */
  readonly logins: DatabaseLogins;
}

/** A PostgreSQL server of its own: for tests that kill it. */
export function testPostgres(): Promise<TestPostgres> {
  return postgresServer();
}

/**
 * A fresh database with all roles and schemas, of which the service's are at hand. The server is shared by this process and ends
 * with its last database; AEGIS_TEST_POSTGRES_URL names a running one instead (superuser). `server` asks for a certain one.
 */
export async function testDatabase(service: StatefulService, server?: TestPostgres): Promise<TestDatabase> {
  const lease = await borrow(server);
  const database = `test_${randomBytes(8).toString("hex")}`;
  // Roles are shared by all databases of a server, so their passwords must be the same for all who use it.
  const secret = new URL(lease.url).password;
  const password = (role: string) => createHmac("sha256", secret).update(role).digest("base64url");
  const logins = await bootstrapDatabase({ superuserUrl: lease.url, database, password });
  return {
    ...logins.services[service],
    superuserUrl: logins.superuserUrl,
    logins,
    async [Symbol.asyncDispose]() {
      if (server === undefined && process.env.AEGIS_TEST_POSTGRES_URL) await drop(lease.url, database);
      await lease.giveBack();
    },
  };
}

let shared: Promise<TestServer> | undefined;
let borrowers = 0;

async function borrow(server: TestPostgres | undefined): Promise<{ url: string; giveBack: () => Promise<void> }> {
  const running = server?.url ?? process.env.AEGIS_TEST_POSTGRES_URL;
  if (running) return { url: running, giveBack: async () => undefined };
  borrowers++;
  shared ??= postgresServer();
  const mine = shared;
  const giveBack = async () => {
    if (--borrowers > 0) return;
    shared = undefined;
    await (await mine)[Symbol.asyncDispose]();
  };
  try {
    return { url: (await mine).url, giveBack };
  } catch (error) {
    borrowers--;
    shared = undefined;
    throw error;
  }
}

async function drop(superuserUrl: string, database: string): Promise<void> {
  await using db = connectDatabase({ url: superuserUrl, name: "testkit", schema: "public", maxConnections: 1 });
  await sql`drop database if exists ${sql.id(database)} with (force)`.execute(db);
}
