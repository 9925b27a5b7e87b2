import { Kysely, PostgresDialect } from "kysely";
import pg from "pg";
import { tellingOutages } from "./outage.ts";

export interface DatabaseOptions {
  /** postgres://user:password@host:port/database */
  readonly url: string;
  /** Shown by the server as application_name, e.g. the instance. */
  readonly name: string;
  /** The one schema unqualified names mean. */
  readonly schema: string;
  /** Default 10. */
  readonly maxConnections?: number;
}

/** A pool of connections behind kysely; disposing closes it. */
export type Database<DB> = Kysely<DB>;

/**
 * Opens a pool. No connection is made before the first query, and a lost one is replaced by the next query, so the
 * server may be down now or later. A statement ends after 30 s, a transaction left idle after 60 s, waiting for a
 * connection after 15 s. Whatever is asked while the server cannot be reached, goes away or has no connection left in time
 * throws AegisError `unavailable`; of a commit that threw it, nobody knows whether it took place.
 *
 * BIGINT comes back as a number; a value beyond ±(2^53 − 1) fails the query instead of losing digits. NUMERIC (also what
 * `sum` of BIGINT gives) stays a string, TIMESTAMPTZ is a Date, BYTEA a Buffer.
 */
export function connectDatabase<DB>(options: DatabaseOptions): Database<DB> {
  const pool = new pg.Pool({
    connectionString: options.url,
    application_name: options.name,
    max: options.maxConnections ?? 10,
    connectionTimeoutMillis: 15_000,
    idleTimeoutMillis: 30_000,
    statement_timeout: 30_000,
    idle_in_transaction_session_timeout: 60_000,
    keepAlive: true,
    options: `-c search_path=${assertIdentifier(options.schema)}`,
    types: { getTypeParser },
  });
  // A broken connection shows in the query that meets it and leaves the pool by itself; but its event, idle or in a transaction,
  // would end the process if nobody listened.
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  return new Kysely<DB>({ dialect: new PostgresDialect({ pool: tellingOutages(pool) }) });
}

/** Returns the name when it is a plain lower-case SQL identifier, so that it may stand in SQL text; throws RangeError otherwise. */
export function assertIdentifier(name: string): string {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(name)) throw new RangeError(`not a plain SQL identifier: ${name}`);
  return name;
}

function getTypeParser(oid: number, format?: "text" | "binary") {
  return oid === pg.types.builtins.INT8 && format !== "binary" ? safeInteger : pg.types.getTypeParser(oid, format);
}

function safeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`BIGINT ${text} does not fit a JavaScript number`);
  return value;
}
