import { randomBytes } from "node:crypto";
import type { Database } from "@aegis/postgres/connect";
import { asService, inTenant } from "@aegis/postgres/tenant";
import { sql, type Transaction } from "kysely";
import { v5 } from "uuid";
import { noticesOf, type Planned } from "#domain/channel.ts";
import type { Delivery, DeliveryStore } from "#usecases/channel-ports.ts";
import { readChannels } from "./channel-store.ts";
import type { Tables } from "./tables.ts";

/** A namespace of our own (RFC 9562 §5.5). */
const namespace = "5d1f2c0e-8f0b-4b6e-9a53-0c6f3b1c7a11";

/** What is due of one channel is taken so many at a time. */
const perChannel = 4;

/** Messages in PostgreSQL, and what became of them. */
export function deliveryStore(db: Database<Tables>): DeliveryStore {
  const settle = (delivery: Delivery, values: { state?: "sent" | "dropped"; next_at?: Date; reference?: string | null } & Settled) =>
    inTenant(db, delivery.tenant, async (trx) => {
      await trx.updateTable("deliveries").set(values).where("id", "=", delivery.id).where("state", "=", "due").execute();
    });
  return {
    due: (now, limit) =>
      asService(db, async (trx) => {
        const { rows } = await sql<{ tenant: string; id: string }>`
          select tenant, id from (
            select tenant, id, next_at, row_number() over (partition by tenant, channel order by next_at) as place
            from deliveries d where state = 'due' and next_at <= ${new Date(now)}
              -- What became of it is told after what was asked.
              and not (notice = 'decided' and exists (select from deliveries first where first.approval_id = d.approval_id
                and first.channel = d.channel and first.recipient = d.recipient and first.notice <> 'decided' and first.state = 'due'))
          ) ranked where place <= ${perChannel} order by next_at limit ${limit}`.execute(trx);
        return rows;
      }),

    claim: (tenant, id, now, until) =>
      inTenant(db, tenant, async (trx) => {
        const { rows } = await sql<Row>`
          update deliveries d set next_at = ${new Date(until)}, attempts = attempts + 1
          where id = ${id} and state = 'due' and next_at <= ${new Date(now)}
          returning id, tenant, approval_id, channel, recipient, notice, attempts, nonce, created_at,
            (select reference from deliveries first where first.approval_id = d.approval_id and first.channel = d.channel
              and first.recipient = d.recipient and first.reference is not null limit 1) as reference`.execute(trx);
        return rows[0] && deliveryOf(rows[0]);
      }),

    byNonce: (nonce) =>
      asService(db, async (trx) => {
        const row = await trx.selectFrom("deliveries").selectAll().where("nonce", "=", nonce).executeTakeFirst();
        return row && deliveryOf(row);
      }),

    sent: (delivery, now, reference) =>
      settle(delivery, { state: "sent", settled_at: new Date(now), reference: reference ?? null, last_error: null }),
    failed: (delivery, nextAt, why) => settle(delivery, { next_at: new Date(nextAt), last_error: why }),
    dropped: (delivery, now, why) => settle(delivery, { state: "dropped", settled_at: new Date(now), last_error: why }),
  };
}

/** Plans the messages about a new approval, in the transaction that opens it. */
export async function planRequested(
  trx: Transaction<Tables>,
  ask: { id: string; tenant: string; queue: string },
  now: number,
): Promise<void> {
  const channels = await readChannels(trx, ask.tenant);
  await plan(trx, ask, noticesOf(channels, { queue: ask.queue, now }), now);
}

/** Plans to tell those who were asked what became of it, in the transaction that decides it. */
export async function planDecided(
  trx: Transaction<Tables>,
  approval: { id: string; tenant: string },
  state: string,
  now: number,
): Promise<void> {
  const told = trx
    .selectFrom("deliveries")
    .select(["channel", "recipient"])
    .distinct()
    .where("approval_id", "=", approval.id)
    .where("notice", "<>", "decided")
    .where((row) => row.or([row("notice", "=", "requested"), row("state", "=", "sent"), row("attempts", ">", 0)]));
  const planned = (await told.execute()).map((row) => ({ ...row, notice: "decided" as const, dueAt: now }));
  await plan(trx, approval, planned, now, state);
}

async function plan(
  trx: Transaction<Tables>,
  approval: { id: string; tenant: string },
  planned: Planned[],
  now: number,
  about = "",
): Promise<void> {
  if (planned.length === 0) return;
  const rows = planned.map(({ channel, recipient, notice, dueAt }) => ({
    id: v5(JSON.stringify([approval.id, channel, recipient, notice, about]), namespace),
    tenant: approval.tenant,
    approval_id: approval.id,
    channel,
    recipient,
    notice,
    about,
    next_at: new Date(dueAt),
    nonce: randomBytes(16).toString("base64url"),
    created_at: new Date(now),
  }));
  await trx
    .insertInto("deliveries")
    .values(rows)
    .onConflict((same) => same.doNothing())
    .execute();
}

interface Settled {
  settled_at?: Date;
  last_error: string | null;
}

interface Row {
  id: string;
  tenant: string;
  approval_id: string;
  channel: string;
  recipient: string;
  notice: Delivery["notice"];
  attempts: number;
  nonce: string;
  reference: string | null;
  created_at: Date;
}

const deliveryOf = (row: Row): Delivery => ({
  id: row.id,
  tenant: row.tenant,
  approvalId: row.approval_id,
  channel: row.channel,
  recipient: row.recipient,
  notice: row.notice,
  attempts: row.attempts,
  nonce: row.nonce,
  reference: row.reference ?? undefined,
  createdAt: row.created_at.getTime(),
});
