import { until } from "@aegis/testkit/until";
import pg from "pg";

/** Looks straight into the ledger's table, so that nothing of the product stands between a drill and what is recorded. */
export class Ledger {
  readonly #url: string;
  readonly #tenant: string;

  constructor(url: string, tenant: string) {
    this.#url = url;
    this.#tenant = tenant;
  }

  /** How many of these decisions have no row. */
  async missing(decisions: readonly string[]): Promise<number> {
    const rows = await this.query<{ n: string }>(
      "select count(*) as n from unnest($1::text[]) as wanted(id) where not exists (select from audit.entries e where e.tenant = $2 and e.id = wanted.id)",
      [decisions, this.#tenant],
    );
    return Number(rows[0]?.n);
  }

  /** Waits until none is missing, for as long as rows keep coming and at most `patienceMs` beyond. Resolves to how many still are. */
  async settled(decisions: readonly string[], patienceMs = 30_000): Promise<number> {
    let left = decisions.length;
    let lastProgress = performance.now();
    const done = async () => {
      const now = await this.missing(decisions).catch(() => left);
      if (now < left) lastProgress = performance.now();
      left = now;
      return left === 0 || performance.now() - lastProgress > patienceMs;
    };
    await until(done, { what: "the ledger to stand still", timeoutMs: 1_800_000, intervalMs: 250 });
    return left;
  }

  /** Rows that record something a second time: one id, or one place in a producer's sequence. */
  async duplicates(): Promise<number> {
    const rows = await this.query<{ n: string }>(
      `select count(*) - count(distinct id) + count(*) - count(distinct (producer, epoch, producer_sequence)) as n
       from audit.entries where tenant = $1 and kind <> 'quarantine' and producer_sequence is not null`,
      [this.#tenant],
    );
    return Number(rows[0]?.n);
  }

  /** Takes the unique keys away, as a defect would. */
  async dropUniqueKeys(): Promise<void> {
    await this.query("alter table audit.entry_keys drop constraint entry_keys_pkey", []);
    await this.query("drop index audit.entry_keys_places, audit.entries_sequence", []);
  }

  async query<T>(text: string, values: readonly unknown[]): Promise<T[]> {
    const client = new pg.Client({ connectionString: this.#url });
    client.on("error", () => undefined);
    await client.connect();
    try {
      return (await client.query(text, [...values])).rows as T[];
    } finally {
      await client.end();
    }
  }
}
