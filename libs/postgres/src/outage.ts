import { AegisError } from "@aegis/contracts/errors";
import type { PostgresCursor, PostgresPool, PostgresPoolClient, PostgresQueryResult } from "kysely";
import type pg from "pg";

/**
 * SQLSTATE of a server that is away, starts, stops or has no connection left (PostgreSQL's appendix A: 08, 53300, 57P01–57P03,
 * 57P05), and the system's errors of a connection.
 */
const codes =
  /^(08...|53300|57P0[1235]|ECONNREFUSED|ECONNRESET|ECONNABORTED|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)$/;

/** What pg says without a code, word for word. */
const messages: ReadonlySet<string> = new Set([
  "timeout exceeded when trying to connect",
  "timeout expired",
  "Connection terminated",
  "Connection terminated unexpectedly",
  "Connection terminated due to connection timeout",
  "Client has encountered a connection error and is not queryable",
  "Client was closed and is not queryable",
]);

/** `unavailable` for what says that PostgreSQL is away, whatever was asked of it; anything else as it came. */
export function outage(caught: unknown): unknown {
  if (!(caught instanceof Error) || caught instanceof AegisError) return caught;
  const code = (caught as NodeJS.ErrnoException).code;
  const away = code === undefined ? messages.has(caught.message) : codes.test(code);
  return away ? new AegisError("unavailable", "PostgreSQL cannot be reached or has no connection left", { cause: caught }) : caught;
}

/** The pool, with every outage told as `unavailable`: also in the midst of a transaction, at its start and at its end. */
export function tellingOutages(pool: pg.Pool): PostgresPool {
  return {
    options: pool.options,
    connect: () => pool.connect().then((client) => new Client(client), rethrow),
    end: () => pool.end(),
  };
}

class Client implements PostgresPoolClient {
  readonly #client: pg.PoolClient & { readonly processID?: number };

  constructor(client: pg.PoolClient) {
    this.#client = client;
  }

  get processID(): number {
    return this.#client.processID ?? 0;
  }

  query<R>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>>;
  query<R>(cursor: PostgresCursor<R>): PostgresCursor<R>;
  query<R>(query: string | PostgresCursor<R>, parameters?: readonly unknown[]): Promise<PostgresQueryResult<R>> | PostgresCursor<R> {
    const client: PostgresPoolClient = this.#client as unknown as PostgresPoolClient;
    return typeof query === "string" ? client.query<R>(query, parameters ?? []).catch(rethrow) : client.query(query);
  }

  release(destroy?: boolean): void {
    this.#client.release(destroy);
  }
}

function rethrow(caught: unknown): never {
  throw outage(caught);
}
