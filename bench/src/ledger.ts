import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Endpoints } from "@aegis/contracts/endpoints";
import { connect, headers } from "@nats-io/transport-node";
import pg from "pg";
import { aegis } from "./fabric.ts";
import { decision } from "./ledger-events.ts";
import { type Machine, machine } from "./machine.ts";
import { cpuByPart, usedBetween } from "./parts.ts";
import { atLeast, type BenchOptions, type Goal } from "./report.ts";
import { median } from "./rounds.ts";

interface Row {
  readonly round: number;
  readonly what: string;
  readonly entries: number;
  /** Rows each second. */
  readonly perSecond: number;
  /** Processor time for a row, microseconds: of audit and of PostgreSQL, which serves other services beside it. */
  readonly auditMicros: number;
  readonly postgresMicros: number;
}

export interface LedgerReport {
  readonly machine: Machine;
  readonly rounds: number;
  readonly rows: readonly Row[];
  readonly goals: readonly Goal[];
}

/** Events of a round for each second that `--seconds` asks for. */
const eventsPerSecond = 20_000;
const batch = 500;

/**
 * How fast audit takes in decisions that wait in JetStream, as after an outage: parsed, checked, told from repeats, chained, hashed into
 * the tree, committed, signed. In turn with it, plain inserts of the very rows, as many a batch, into a table with the same columns and
 * indexes: no checks, no chain, no tree, no messages.
 */
export async function benchLedger({ rounds, seconds, progress }: BenchOptions): Promise<LedgerReport> {
  const directory = await mkdtemp(join(tmpdir(), "aegis-bench-"));
  await aegis(["up", "--detach", "--ports", "auto", "--data-dir", directory]);
  try {
    const endpoints = JSON.parse(await readFile(join(directory, "endpoints.json"), "utf8")) as Endpoints;
    const { audit } = JSON.parse(await aegis(["status", "--json", "--data-dir", directory])) as { audit: { pid: number } };
    const db = new pg.Client({ connectionString: endpoints.postgresSuperuser });
    await db.connect();
    const rows: Row[] = [];
    const tell = (row: Row) => {
      progress(`round ${row.round}/${rounds} ${row.what}: ${Math.round(row.perSecond)}/s`);
      rows.push(row);
    };
    const count = Math.round(seconds * eventsPerSecond);
    await db.query(`create schema bench; create table bench.plain (like audit.entries including all);
      create unique index on bench.plain (tenant, id); create unique index on bench.plain (producer, epoch, producer_sequence)`);
    for (let round = 1; round <= rounds; round++) {
      process.kill(audit.pid, "SIGSTOP");
      await publish(endpoints, directory, count);
      const before = await size(db);
      process.kill(audit.pid, "SIGCONT");
      const measured = async (what: string, rate: () => Promise<number>) => {
        const used = await cpuByPart(directory);
        const perSecond = await rate();
        const { audit: auditMicros = Number.NaN, postgres: postgresMicros = Number.NaN } = usedBetween(used, await cpuByPart(directory));
        tell({ round, what, entries: count, perSecond, auditMicros: auditMicros / count, postgresMicros: postgresMicros / count });
      };
      await measured("ledger", () => rateUntil(db, before + count));
      const batches = await batchesOf(db, before, count);
      await measured("plain inserts", () => plain(db, batches));
    }
    await db.end();
    const of = (what: string) => rows.filter((row) => row.what === what).map(({ perSecond }) => perSecond);
    const [ledger, inserts] = [median(of("ledger")), median(of("plain inserts"))];
    const lastOverFirst = (what: string) => (100 * (of(what).at(-1) ?? Number.NaN)) / (of(what)[0] ?? Number.NaN);
    return {
      machine: machine(),
      rounds,
      rows,
      goals: [
        atLeast("decisions taken in", ledger, 20_000, "/s"),
        atLeast("of plain batched inserts", (100 * ledger) / inserts, 40, "%"),
        atLeast("last round over the first", lastOverFirst("ledger"), 90, "%"),
        atLeast("last round over the first, plain inserts", lastOverFirst("plain inserts"), 90, "%"),
      ],
    };
  } finally {
    await aegis(["down", "--data-dir", directory]);
    await rm(directory, { recursive: true, force: true });
  }
}

/** As authz publishes them: numbered by one producer, to the stream, until all are stored. */
async function publish(endpoints: Endpoints, directory: string, count: number): Promise<void> {
  const pass = (await readFile(join(directory, "keys", "authz.nats-password"), "utf8")).trim();
  const nats = await connect({ servers: endpoints.nats, user: "authz", pass, inboxPrefix: "_INBOX_authz" });
  const [producer, epoch] = [`bench-${randomUUID().slice(0, 8)}`, randomUUID()];
  for (let first = 0; first < count; first += batch) {
    await Promise.all(
      Array.from({ length: Math.min(batch, count - first) }, (_, index) => {
        const event = decision(producer, epoch, first + index + 1);
        const named = headers();
        named.set("Nats-Msg-Id", event.id);
        return nats.request("aegis.decision.bench.finance-agent.allow", JSON.stringify(event), { headers: named, timeout: 30_000 });
      }),
    );
  }
  await nats.close();
}

async function size(db: pg.Client): Promise<number> {
  const { rows } = await db.query<{ size: string }>("select size from audit.heads where tenant = 'bench'");
  return Number(rows[0]?.size ?? 0);
}

/** From the first entry that is seen on, so that waking up counts for nothing; checkpoints are made meanwhile. */
async function rateUntil(db: pg.Client, target: number): Promise<number> {
  const before = await size(db);
  let start: { at: number; size: number } | undefined;
  for (let seen = before; seen < target; await delay(20)) {
    seen = await size(db);
    if (seen > before) start ??= { at: performance.now(), size: seen };
  }
  return start === undefined ? Number.NaN : ((target - start.size) * 1000) / (performance.now() - start.at);
}

const columns = [
  ...["tenant", "sequence", "id", "kind", "type", "subject", "agent", "tool", "action", "decision", "policy_version", "session", "prompt"],
  ...["action_digest", "reasons", "about", "occurred_at", "recorded_at", "producer", "epoch", "producer_sequence"],
];
const binary = ["previous_hash", "leaf_hash", "leaf", "payload"];

/** The ledger's rows, by batch and column. */
async function batchesOf(db: pg.Client, from: number, count: number): Promise<unknown[][]> {
  const batches: unknown[][] = [];
  for (let first = from; first < from + count; first += batch) {
    const text = columns.map((column) => `${column}::text`);
    const { rows } = await db.query({
      text: `select ${[...text, ...binary].join(", ")} from audit.entries where tenant = 'bench' and sequence >= $1 and sequence < $2`,
      values: [first, first + batch],
      rowMode: "array",
    });
    batches.push([...columns, ...binary].map((_, column) => rows.map((row: unknown[]) => row[column])));
  }
  return batches;
}

/** One transaction a batch, as the ledger commits. */
async function plain(db: pg.Client, batches: readonly unknown[][]): Promise<number> {
  const list = [...columns, ...binary];
  const types: Record<string, string> = {
    sequence: "bigint",
    producer_sequence: "bigint",
    occurred_at: "timestamptz",
    recorded_at: "timestamptz",
  };
  const casts = list.map((column, index) => `$${index + 1}::${binary.includes(column) ? "bytea" : (types[column] ?? "text")}[]`);
  const text = `insert into bench.plain (${list.join(", ")}) select * from unnest(${casts.join(", ")})`;
  const start = performance.now();
  for (const values of batches) await db.query({ name: "plain", text, values });
  return (batches.length * batch * 1000) / (performance.now() - start);
}
