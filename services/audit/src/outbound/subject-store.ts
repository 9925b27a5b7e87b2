import type { Database } from "@aegis/postgres/connect";
import { asService, inTenant } from "@aegis/postgres/tenant";
import { type Selectable, sql, type Transaction } from "kysely";
import { keyText } from "#domain/erasure.ts";
import type { CarriedOut, Erasure, HeldBy, KeyName, PersonalPorts } from "#usecases/personal-ports.ts";
import type { AuditDatabase, ErasuresTable } from "./database.ts";
import { appendOwn } from "./own-entries.ts";

/** Keys of data subjects and their erasures in PostgreSQL. `instance` names this process in the ledger's own entries. */
export function subjectStore(
  db: Database<AuditDatabase>,
  instance: string,
): Pick<PersonalPorts, "subjectKeys" | "erasures" | "ownEntries"> {
  return {
    subjectKeys: {
      async present(tenant, subject) {
        const rows = await inTenant(db, tenant, (trx) =>
          trx
            .selectFrom("subject_keys")
            .select(["generation", "sealed"])
            .where("tenant", "=", tenant)
            .where("subject", "=", subject)
            .orderBy("generation", "desc")
            .limit(1)
            .execute(),
        );
        const [newest] = rows;
        const { generation = 0, sealed = null } = newest ?? {};
        return sealed === null ? { generation: undefined, next: generation + 1 } : { generation, sealed };
      },
      add: (tenant, { subject, generation }, sealed, madeAt) =>
        inTenant(db, tenant, async (trx) => {
          const values = { tenant, subject, generation, sealed, made_at: madeAt, erased_at: null };
          await trx
            .insertInto("subject_keys")
            .values(values)
            .onConflict((conflict) => conflict.doNothing())
            .execute();
        }),
      find: (tenant, keys) =>
        inTenant(db, tenant, async (trx) => {
          const { rows } = await sql<{ subject: string; generation: number; sealed: string }>`
            select subject, generation, sealed from subject_keys where tenant = ${tenant} and sealed is not null
              and (subject, generation) in (select * from unnest(${keys.map(({ subject }) => subject)}::text[],
                ${keys.map(({ generation }) => generation)}::int[]))`.execute(trx);
          return rows;
        }),
    },
    erasures: {
      propose: (erasure) =>
        inTenant(db, erasure.tenant, async (trx) => {
          const { askedAt, expiresAt, doneAt, ...same } = erasure;
          await trx
            .insertInto("erasures")
            .values({ ...same, asked_at: askedAt, expires_at: expiresAt, done_at: doneAt })
            // The same words in the same millisecond are the same proposal.
            .onConflict((conflict) => conflict.doNothing())
            .execute();
        }),
      find: (tenant, id) =>
        inTenant(db, tenant, async (trx) => {
          const row = await trx.selectFrom("erasures").selectAll().where("tenant", "=", tenant).where("id", "=", id).executeTakeFirst();
          return row && erasureOf(row);
        }),
      list: (tenant, limit) =>
        inTenant(db, tenant, async (trx) => {
          const rows = trx.selectFrom("erasures").selectAll().where("tenant", "=", tenant);
          return (await rows.orderBy("asked_at", "desc").limit(limit).execute()).map(erasureOf);
        }),
      heldBy: (tenant, key) => inTenant(db, tenant, (trx) => heldBy(trx, tenant, key)),
      carryOut: ({ tenant, id, subject, reason, by, approver }, at) =>
        asService(db, async (trx): Promise<CarriedOut> => {
          // No hold is placed until this is over, and those that are there are seen.
          await sql`lock table holds in share mode`.execute(trx);
          const { rows: live } = await sql<KeyName>`select subject, generation from subject_keys
            where tenant = ${tenant} and subject = ${subject} and sealed is not null for update`.execute(trx);
          if (live.length === 0) return { kind: "nothing" };
          for (const key of live) {
            const hold = await heldBy(trx, tenant, key);
            if (hold !== undefined) return { kind: "held", hold };
          }
          const noted = await sql`update erasures set approver = ${approver}, done_at = ${at}
            where tenant = ${tenant} and id = ${id} and done_at is null`.execute(trx);
          if (noted.numAffectedRows !== 1n) return { kind: "nothing" };
          await sql`update subject_keys set sealed = null, erased_at = ${at}
            where tenant = ${tenant} and subject = ${subject} and sealed is not null`.execute(trx);
          const keys = live.map(({ generation }) => generation);
          const data = { erasureId: id, subject, keys, reason, by, ...(approver !== null && { approver }) };
          await appendOwn(trx, instance, { tenant, verb: "subject_erased", data }, at);
          return { kind: "erased", keys };
        }),
    },
    ownEntries: {
      shown: (tenant, what, at) =>
        asService(db, (trx) => appendOwn(trx, instance, { tenant, verb: "personal_shown", data: { ...what } }, at)),
    },
  };
}

/** A hold on an entry that names this key as what seals it. */
async function heldBy(trx: Transaction<AuditDatabase>, tenant: string, key: KeyName): Promise<HeldBy | undefined> {
  const named = Buffer.from(`"key":"${keyText(key)}"`);
  const { rows } = await sql<HeldBy>`select id, reason from holds where tenant = ${tenant} and released_at is null and exists (
      select from entries where entries.tenant = ${tenant} and entries.kind = 'decision'
        and (holds.agent is null or entries.agent = holds.agent) and (holds.prompt is null or entries.prompt = holds.prompt)
        and (from_at is null or occurred_at >= from_at) and (to_at is null or occurred_at < to_at)
        and position(${named} in coalesce(payload, leaf)) > 0) limit 1`.execute(trx);
  return rows[0];
}

function erasureOf({ asked_at, expires_at, done_at, ...same }: Selectable<ErasuresTable>): Erasure {
  return { ...same, askedAt: asked_at, expiresAt: expires_at, doneAt: done_at };
}
