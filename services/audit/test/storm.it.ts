import { setTimeout as delay } from "node:timers/promises";
import { testPostgres } from "@aegis/testkit/fabric";
import { until } from "@aegis/testkit/until";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { decision, type Sent } from "./events.ts";
import { Fabric, type Running, shuffledNumbers } from "./fabric.ts";

/** 1,000,000 is the whole drill; the suite runs its short form. */
const events = Number(process.env.AEGIS_DRILL_EVENTS ?? 3_000);
const deliveries = Number(process.env.AEGIS_DRILL_DELIVERIES ?? 3);
const atOnce = 1_000;

test(`${events} events, each delivered ${deliveries} times, shuffled, while audit and PostgreSQL are killed at random: each once, no gap, verified`, async () => {
  await using postgres = await testPostgres();
  await using fabric = await Fabric.start({ postgres });
  const signer = await fabric.startSigner();
  // One that meets a database which is still recovering ends, and is started again, as a supervisor does.
  const started = async (left = 5): Promise<Running> => {
    try {
      return await fabric.startAudit(signer);
    } catch (error) {
      if (left === 0) throw error;
      return started(left - 1);
    }
  };
  let audit = await started();
  // An event is made from its number each time it is sent: a million of them need not be kept.
  const sent = (number: number): Sent => decision({ sequence: number + 1, id: idOf(number) });
  const order = shuffledNumbers(events * deliveries, 11);
  let stopped = false;
  const kills = { audit: 0, postgres: 0 };
  const kill = async () => {
    for (let round = 0; !stopped; round++) {
      await delay(400 + ((round * 7919) % 1_700));
      if (stopped) return;
      if (round % 3 === 2) {
        kills.postgres++;
        await postgres.kill();
        await postgres.start();
      } else {
        kills.audit++;
        await audit.kill();
        audit = await started();
      }
    }
  };
  const killing = kill();
  killing.catch(() => undefined);
  const begun = performance.now();
  for (let from = 0; from < order.length; from += atOnce) {
    const numbers = order.subarray(from, from + atOnce);
    await fabric.publish(Array.from(numbers, (number) => sent(number % events)));
  }
  const consumed = async () => {
    const { num_pending, num_ack_pending } = await fabric.nats.bus.manager.consumers.info("DECISIONS", "audit-decisions");
    return num_pending + num_ack_pending === 0;
  };
  await until(consumed, { what: "every delivery is taken in", timeoutMs: 3_000_000, intervalMs: 500 });
  stopped = true;
  await killing;
  const seconds = (performance.now() - begun) / 1000;
  await fabric.covered("acme", events, 120_000);
  const [counts] = await fabric.superuser(async (db) => {
    const counted = sql<{ rows: number; ids: number; last: number; places: number; kinds: number }>`
        select count(*) as rows, count(distinct id) as ids, max(sequence) as last, count(distinct producer_sequence) as places,
          count(distinct kind) as kinds from entries where tenant = 'acme'`;
    return (await counted.execute(db)).rows;
  });
  expect(counts).toEqual({ rows: events, ids: events, last: events - 1, places: events, kinds: 1 });
  const report = await fabric.verify(audit);
  expect([report.entries, report.uncovered, report.faults]).toEqual([events, 0, []]);
  expect(Math.min(kills.audit, kills.postgres)).toBeGreaterThan(0);
  console.log(
    `${events} events in ${order.length} deliveries, audit killed ${kills.audit} and PostgreSQL ${kills.postgres} times: ` +
      `${Math.round(order.length / seconds)} deliveries/s with all of that, ${report.checkpoints} checkpoints`,
  );
}, 3_600_000);

/** A UUID of version 7 that follows from the number. */
function idOf(number: number): string {
  const hex = (Date.UTC(2026, 0, 1) + number).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-${number.toString(16).padStart(12, "0")}`;
}
