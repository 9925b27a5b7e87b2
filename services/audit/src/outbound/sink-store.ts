import type { Database } from "@aegis/postgres/connect";
import { asService, inTenant } from "@aegis/postgres/tenant";
import { type RawBuilder, sql, type Transaction } from "kysely";
import type { ExportFormat } from "#domain/export/formats.ts";
import { type SinkKind, type SinkTarget, streamSink } from "#domain/sink.ts";
import type { Sink, SinkState, Sinks } from "#usecases/export-ports.ts";
import type { AuditDatabase } from "./database.ts";

const maxSinks = 10;
/** Of the backlog, those furthest behind: a series for each tenant would be too many. */
const mostShown = 50;
const claimFor = sql`interval '60 seconds'`;

interface Row {
  tenant: string;
  name: string;
  target: SinkTarget;
  format: ExportFormat;
  kinds: string[];
  generation: number;
  cursor: number;
  failures: number;
  delivered: number;
  rejected: number;
  failing_since: Date | null;
  last_error: string | null;
  last_success_at: Date | null;
  changed_by: string;
  changed_at: Date;
  behind: number;
}

const behind = sql<number>`greatest(0, coalesce((select size from heads where heads.tenant = sinks.tenant), 0) - 1 - cursor)`;

/** Sinks and how far each got. `instance` names whoever claims. */
export function sinkStore(db: Database<AuditDatabase>, instance: string): Sinks {
  const read = (trx: Transaction<AuditDatabase>, where: RawBuilder<unknown>) =>
    sql<Row>`select *, ${behind} as behind from sinks where ${where} order by name`.execute(trx);
  /** Still ours, and still as it was when it was claimed. */
  const held = ({ tenant, name, generation }: Sink) =>
    sql`tenant = ${tenant} and name = ${name} and generation = ${generation} and holder = ${instance}`;
  return {
    async list(tenant) {
      const { rows } = await inTenant(db, tenant, (trx) => read(trx, sql`tenant = ${tenant} and name <> ${streamSink}`));
      return rows.map(stateOf);
    },
    async find(tenant, name) {
      const { rows } = await inTenant(db, tenant, (trx) => read(trx, sql`tenant = ${tenant} and name = ${name}`));
      return rows.map(stateOf)[0];
    },
    async rejections(tenant, name, limit) {
      const { rows } = await inTenant(db, tenant, (trx) =>
        sql<{ sequence: number; reason: string; at: Date }>`select sequence, reason, rejected_at as at from sink_rejections
          where tenant = ${tenant} and sink = ${name} order by sequence desc limit ${limit}`.execute(trx),
      );
      return rows;
    },
    async put(tenant, name, { target, format, kinds, start, by }) {
      const { numAffectedRows } = await inTenant(db, tenant, (trx) =>
        sql`insert into sinks (tenant, name, target, format, kinds, cursor, changed_by)
          select ${tenant}, ${name}, ${JSON.stringify(target)}::jsonb, ${format}, ${[...kinds]}::text[], ${start}, ${by}
          where (select count(*) from sinks where tenant = ${tenant} and name <> ${name} and name <> ${streamSink}) < ${maxSinks}
          on conflict (tenant, name) do update set target = excluded.target, format = excluded.format, kinds = excluded.kinds,
            generation = sinks.generation + 1, failures = 0, failing_since = null, last_error = null, retry_at = now(), holder = null,
            held_until = now(), changed_by = excluded.changed_by, changed_at = now()`.execute(trx),
      );
      return numAffectedRows === 1n;
    },
    async remove(tenant, name) {
      const { numAffectedRows } = await inTenant(db, tenant, (trx) =>
        sql`delete from sinks where tenant = ${tenant} and name = ${name} and name <> ${streamSink}`.execute(trx),
      );
      return numAffectedRows === 1n;
    },
    async ensureStreams() {
      await asService(db, (trx) =>
        sql`insert into sinks (tenant, name, target, format, cursor, changed_by)
          select tenant, ${streamSink}, '{"kind":"stream"}', 'ocsf', -1, 'aegis' from heads
          where not exists (select from sinks where sinks.tenant = heads.tenant and sinks.name = ${streamSink})
          on conflict do nothing`.execute(trx),
      );
    },
    async takeBack() {
      await asService(db, (trx) => sql`update sinks set holder = null, held_until = now() where holder = ${instance}`.execute(trx));
    },
    async claim(limit) {
      const { rows } = await asService(db, (trx) =>
        sql<Row>`update sinks set holder = ${instance}, held_until = now() + ${claimFor}
          where (tenant, name) in (
            select sinks.tenant, sinks.name from sinks join heads on heads.tenant = sinks.tenant
            where heads.size - 1 > sinks.cursor and retry_at <= now() and held_until <= now()
            order by held_until limit ${limit} for update of sinks skip locked)
          returning *, 0 as behind`.execute(trx),
      );
      return rows.map(stateOf);
    },
    async advance(sink, cursor, { delivered, rejected }) {
      return asService(db, async (trx) => {
        const { numAffectedRows } = await sql`update sinks set cursor = ${cursor}, delivered = delivered + ${delivered},
            rejected = rejected + ${rejected.length}, failures = 0, failing_since = null, last_error = null, last_success_at = now(),
            held_until = now() + ${claimFor} where ${held(sink)}`.execute(trx);
        if (numAffectedRows !== 1n) return false;
        for (const { sequence, reason } of rejected)
          await sql`insert into sink_rejections (tenant, sink, sequence, reason)
            values (${sink.tenant}, ${sink.name}, ${sequence}, ${reason}) on conflict do nothing`.execute(trx);
        return true;
      });
    },
    async failed(sink, failure, pauseMs) {
      await asService(db, (trx) =>
        sql`update sinks set failures = failures + 1, failing_since = coalesce(failing_since, now()), last_error = ${failure}, holder = null,
          held_until = now(), retry_at = now() + make_interval(secs => ${pauseMs / 1000}) where ${held(sink)}`.execute(trx),
      );
    },
    async release(sink) {
      await asService(db, (trx) => sql`update sinks set holder = null, held_until = now() where ${held(sink)}`.execute(trx));
    },
    async backlog() {
      const { rows } = await asService(db, (trx) =>
        sql<{ tenant: string; kind: SinkKind; behind: number; failing: number }>`select tenant, target->>'kind' as kind,
          max(${behind})::bigint as behind, count(*) filter (where failures > 0) as failing from sinks group by tenant, target->>'kind'
          order by behind desc, tenant limit ${mostShown}`.execute(trx),
      );
      return rows;
    },
  };
}

function stateOf(row: Row): SinkState {
  const { failing_since, last_error, last_success_at, changed_by, changed_at, ...same } = row;
  return {
    ...same,
    failingSince: failing_since,
    lastError: last_error,
    lastSuccessAt: last_success_at,
    changedBy: changed_by,
    changedAt: changed_at,
  };
}
