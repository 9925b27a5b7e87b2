import type { Bus } from "@aegis/bus/connect";
import { publishEvent } from "@aegis/bus/publish";
import { AegisError } from "@aegis/contracts/errors";
import type { Logger } from "@aegis/service/logger";
import { type Kysely, sql, type Transaction } from "kysely";
import { assertIdentifier } from "./connect.ts";
import { onOutboxWake, touchOutbox } from "./outbox-signal.ts";

/** What NATS takes in one message, with room for headers. */
const maxEventBytes = 1_000_000;
const batchSize = 100;
const idleMs = 500;

/**
 * The table an outbox needs, for a migration of the schema's owner: events wait in it, in the transaction that caused them,
 * until NATS has stored them. `role` is the runtime role.
 */
export const outboxDdl = (role: string): string => `CREATE TABLE outbox (
  sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id uuid NOT NULL UNIQUE,
  subject text NOT NULL,
  event bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO ${assertIdentifier(role)};
`;

/** Adds events to the outbox of the transaction's schema; they leave once it commits. The bytes are fixed here. */
export function outbox<DB>(trx: Transaction<DB>) {
  return {
    /** Throws `invalid_argument` for an event NATS could never take: it would hold up all that follow. */
    async add(subject: string, event: { readonly id: string }): Promise<void> {
      const bytes = Buffer.from(JSON.stringify(event));
      if (bytes.length > maxEventBytes) throw new AegisError("invalid_argument", `event of ${bytes.length} bytes exceeds ${maxEventBytes}`);
      await sql`insert into outbox (id, subject, event) values (${event.id}, ${subject}, ${bytes})`.execute(trx);
      touchOutbox(trx);
    },
  };
}

export interface OutboxOptions<DB> {
  readonly db: Kysely<DB>;
  readonly bus: Bus;
  readonly schema: string;
  readonly logger: Logger;
}

export interface OutboxRunner extends AsyncDisposable {
  /** Looks for new events now instead of at the next interval. */
  wake(): void;
}

/**
 * Publishes what the outbox holds, oldest first, for ever: an event leaves the table only after NATS has stored it, and one
 * that was stored twice has the same `Nats-Msg-Id`. One runner per schema publishes at a time, however many there are, so
 * events leave in the order of their sequence. NATS or PostgreSQL may be down; it waits. Disposing lets the batch in hand finish.
 */
export function runOutbox<DB>(options: OutboxOptions<DB>): OutboxRunner {
  const runner = new Runner(options);
  const done = runner.run();
  return {
    wake: () => runner.wake(),
    async [Symbol.asyncDispose]() {
      runner.stop();
      await done;
    },
  };
}

interface Row {
  sequence: number;
  id: string;
  subject: string;
  event: Buffer;
}

class Runner<DB> {
  readonly #options: OutboxOptions<DB>;
  #stopped = false;
  #woken = false;
  #interrupt: () => void = () => undefined;

  constructor(options: OutboxOptions<DB>) {
    this.#options = options;
  }

  wake(): void {
    this.#woken = true;
    this.#interrupt();
  }

  stop(): void {
    this.#stopped = true;
    this.#interrupt();
  }

  async run(): Promise<void> {
    const { bus, logger, schema } = this.#options;
    const unregister = onOutboxWake(() => this.wake());
    let failures = 0;
    while (!this.#stopped) {
      this.#woken = false;
      try {
        const published = bus.connected() ? await this.#publishBatch() : 0;
        failures = 0;
        if (published < batchSize) await this.#pause(idleMs);
      } catch (error) {
        const level = failures++ % 20 === 0 ? "warn" : "debug";
        logger[level]({ err: error, schema }, "the outbox could not be emptied; trying again");
        await this.#pause(Math.min(100 * 2 ** failures, 5_000) * (0.5 + Math.random()));
      }
    }
    unregister();
  }

  /** Resolves to how many events left. A failure in the middle keeps what was published before it. */
  async #publishBatch(): Promise<number> {
    let failure: unknown;
    const published = await this.#options.db.transaction().execute(async (trx) => {
      const table = sql.table(`${this.#options.schema}.outbox`);
      const lock = await sql<{
        mine: boolean;
      }>`select pg_try_advisory_xact_lock(hashtext(${`outbox ${this.#options.schema}`})) as mine`.execute(trx);
      if (lock.rows[0]?.mine !== true) return 0;
      const { rows } = await sql<Row>`
        select sequence, id, subject, event from ${table} order by sequence limit ${batchSize} for update skip locked`.execute(trx);
      const done: number[] = [];
      try {
        for (const row of rows) {
          if (this.#stopped) break;
          await publishEvent(this.#options.bus, row.subject, { id: row.id }, row.event);
          done.push(row.sequence);
        }
      } catch (error) {
        failure = error;
      }
      if (done.length > 0) await sql`delete from ${table} where sequence = any(${done}::bigint[])`.execute(trx);
      return done.length;
    });
    if (failure !== undefined) throw failure;
    return published;
  }

  #pause(ms: number): Promise<void> {
    if (this.#woken || this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#interrupt = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
