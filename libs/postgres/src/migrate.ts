import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { AegisError } from "@aegis/contracts/errors";
import type { Logger } from "@aegis/service/logger";
import pg from "pg";
import { assertIdentifier } from "./connect.ts";

export interface MigrateOptions {
  /** Login of the migrator: a member of `owner`. */
  readonly url: string;
  /** Holds `0001_name.sql`, `0002_name.sql`, …: plain SQL, with unqualified names meaning `schema`. */
  readonly directory: string;
  readonly schema: string;
  /** The role that owns the schema and all that is made in it. */
  readonly owner: string;
  readonly logger: Logger;
  /** How long to wait for a server that does not answer. Default 60 s. */
  readonly waitMs?: number;
}

/**
 * Brings a schema to the newest migration: each file once, in order, in a transaction of its own, one process at a time.
 * A file that was changed after it was applied is refused (`precondition_failed`); a file applied by a newer version and
 * unknown here is left alone, so that a version can be rolled back. Throws `unavailable` when no server answers in time.
 */
export async function migrate(options: MigrateOptions): Promise<void> {
  const files = await readMigrations(options.directory);
  const client = await connect(options);
  try {
    const schema = assertIdentifier(options.schema);
    await client.query("select pg_advisory_lock(hashtext($1))", [`migrate ${schema}`]);
    await client.query(`set role ${assertIdentifier(options.owner)}`);
    await client.query(`set search_path = ${schema}`);
    await client.query(`create table if not exists schema_migrations (
      name text primary key, checksum text not null, applied_at timestamptz not null default now())`);
    const { rows } = await client.query<{ name: string; checksum: string }>("select name, checksum from schema_migrations");
    const applied = new Map(rows.map((row) => [row.name, row.checksum]));
    for (const file of files) await apply(client, file, applied.get(file.name), options);
  } finally {
    // Ending the session releases the lock.
    await client.end().catch(() => undefined);
  }
}

interface Migration {
  readonly name: string;
  readonly text: string;
  readonly checksum: string;
}

async function readMigrations(directory: string): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith(".sql")).sort();
  const wrong = names.find((name) => !/^\d{4}_[a-z0-9_]+\.sql$/.test(name));
  if (wrong !== undefined) throw new AegisError("invalid_argument", `migration ${wrong} is not named like 0001_name.sql`);
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(directory, name), "utf8");
      return { name, text, checksum: createHash("sha256").update(text).digest("hex") };
    }),
  );
}

async function apply(client: pg.Client, file: Migration, known: string | undefined, options: MigrateOptions): Promise<void> {
  if (known === file.checksum) return;
  if (known !== undefined) {
    throw new AegisError("precondition_failed", `migration ${options.schema}/${file.name} was changed after it was applied`);
  }
  await client.query("begin");
  try {
    await client.query(file.text);
    await client.query("insert into schema_migrations (name, checksum) values ($1, $2)", [file.name, file.checksum]);
    await client.query("commit");
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    const why = error instanceof Error ? error.message : String(error);
    throw new AegisError("internal", `migration ${options.schema}/${file.name} failed: ${why}`, { cause: error });
  }
  options.logger.info({ schema: options.schema, migration: file.name }, "migration applied");
}

async function connect(options: MigrateOptions): Promise<pg.Client> {
  const deadline = performance.now() + (options.waitMs ?? 60_000);
  for (;;) {
    const client = new pg.Client({ connectionString: options.url, application_name: "migrate", connectionTimeoutMillis: 5_000 });
    client.on("error", () => undefined);
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => undefined);
      if (performance.now() > deadline) throw new AegisError("unavailable", "PostgreSQL cannot be reached", { cause: error });
      options.logger.debug({ err: error }, "PostgreSQL is not reachable; trying again");
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}
