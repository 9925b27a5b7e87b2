import { AegisError } from "@aegis/contracts/errors";
import type { Database } from "@aegis/postgres/connect";
import { asService, inTenant } from "@aegis/postgres/tenant";
import { sql } from "kysely";
import { releaseAll, settleAll } from "#domain/reservation.ts";
import type { ReservationStore, ReserveAnswer } from "#usecases/ports.ts";
import { compareKeys, debit, factsOf, Moves, passGate, read, type Tables, type Trx } from "./accounts.ts";
import { applyFacts } from "./apply.ts";
import type { Announcer } from "./events.ts";
import { conclude, lockHeld, moveAll } from "./held.ts";
import { inOrganisations } from "./in-organisations.ts";
import { boundsInForce } from "./limit-store.ts";

/** Reservations in PostgreSQL. */
export function reservationStore(db: Database<Tables>, announce: Announcer): ReservationStore {
  /** A call of a member holds something of its organisation's, too: each owner's accounts change by themselves. */
  const ofDecision = async (decisionId: string, work: (trx: Trx) => Promise<boolean>): Promise<boolean> => {
    let any = false;
    for (const tenant of await tenantsOf(db, decisionId)) any = (await inTenant(db, tenant, work)) || any;
    return any;
  };
  return {
    async reserve(tenant, decisionId, amounts, now, pastSoft) {
      const owners = amounts.map(({ target }) => target.tenant);
      try {
        return await inOrganisations(db, tenant, owners, async (trx) => {
          await lockDecision(trx, decisionId);
          if (await isReserved(trx, decisionId)) return { kind: "reserved" };
          for (const { target, units } of [...amounts].sort((a, b) => compareKeys(a.target, b.target))) {
            const bounds = await boundsInForce(trx, target);
            if (bounds === undefined || units === 0) continue;
            const { limit } = bounds;
            let row = await debit(trx, target, pastSoft ? { ...bounds, open: limit } : bounds, units);
            if (row === undefined) {
              const gated = pastSoft ? undefined : await passGate(trx, target, bounds, "reserved", units, now);
              // Nothing of a refused reservation may stay, so the transaction has to fail.
              if (gated === undefined || !("passed" in gated))
                throw new Refused({ kind: "refused", target, ...gated, ...factsOf(await read(trx, target), limit) }, units);
              row = gated.passed;
            }
            await sql`
              insert into reservations (tenant, decision_id, scope, unit, window_kind, window_start, units, state, reserved_at)
              values (${target.tenant}, ${decisionId}, ${target.scope}, ${target.unit}, ${target.window}, ${new Date(target.windowStart)}, ${units},
                'reserved', ${new Date(now)})`.execute(trx);
            await announce.spent(trx, target, row);
          }
          return { kind: "reserved" };
        });
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        const { answer, units } = error;
        await inTenant(db, answer.target.tenant, async (trx) => {
          const row = await read(trx, answer.target);
          if (row !== undefined) await announce.refused(trx, answer.target, { ...row, limit_units: answer.limit }, units);
        });
        return answer;
      }
    },

    settle: (decisionId, actualOf) =>
      ofDecision(decisionId, async (trx) => {
        await lockDecision(trx, decisionId);
        const held = await lockHeld(trx, [decisionId]);
        const moves = new Moves();
        await conclude(trx, settleAll(held, actualOf), "settled", moves);
        await moveAll(trx, announce, moves);
        return held.length > 0;
      }),

    release: (decisionId) =>
      ofDecision(decisionId, async (trx) => {
        await lockDecision(trx, decisionId);
        const held = await lockHeld(trx, [decisionId]);
        const moves = new Moves();
        await conclude(trx, releaseAll(held), "released", moves);
        await moveAll(trx, announce, moves);
        return held.length > 0;
      }),

    apply: (tenant, organisations, decisions, outcomes, ratesOf) =>
      inOrganisations(db, tenant, organisations, (trx) => applyFacts(trx, announce, tenant, decisions, outcomes, ratesOf)),

    overdue: (before, limit) =>
      asService(db, async (trx) => {
        const { rows } = await sql<{ decision_id: string }>`
          select distinct decision_id from reservations where state = 'reserved' and reserved_at < ${new Date(before)} limit ${limit}`.execute(
          trx,
        );
        return rows.map((row) => row.decision_id);
      }),
  };
}

class Refused extends Error {
  readonly answer: Extract<ReserveAnswer, { kind: "refused" }>;
  readonly units: number;

  constructor(answer: Extract<ReserveAnswer, { kind: "refused" }>, units: number) {
    super("refused");
    this.answer = answer;
    this.units = units;
  }
}

async function isReserved(trx: Trx, decisionId: string): Promise<boolean> {
  const { rows } = await sql<{ state: string }>`
    select state from reservations where decision_id = ${decisionId}
      and lease_id = '00000000-0000-0000-0000-000000000000'`.execute(trx);
  if (rows.some((row) => row.state === "released")) throw new AegisError("conflict", "this decision's reservation was released");
  return rows.length > 0;
}

/** One at a time per decision: a retry waits for the first try to end. */
async function lockDecision(trx: Trx, decisionId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`decision ${decisionId}`}, 0))`.execute(trx);
}

function tenantsOf(db: Database<Tables>, decisionId: string): Promise<string[]> {
  return asService(db, async (trx) => {
    const { rows } = await sql<{ tenant: string }>`
      select distinct tenant from reservations where decision_id = ${decisionId} order by 1`.execute(trx);
    return rows.map((row) => row.tenant);
  });
}
