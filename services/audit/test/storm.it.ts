import { setTimeout as delay } from "node:timers/promises";
import { type TestPostgres, testPostgres } from "@aegis/testkit/fabric";
import { until } from "@aegis/testkit/until";
import { createInbox } from "@nats-io/transport-node";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { decision, type Sent } from "./events.ts";
import { Fabric, type Running, shuffledNumbers } from "./fabric.ts";

/** 1,000,000 is the whole drill; the suite runs its short form. */
const events = Number(process.env.AEGIS_DRILL_EVENTS ?? 50_000);
const deliveries = Number(process.env.AEGIS_DRILL_DELIVERIES ?? 3);
const atOnce = 1_000;

test(`${events} events, each delivered ${deliveries} times, shuffled, while audit and PostgreSQL are killed at random: each once, no gap, verified`, async () => {
  await using postgres = await testPostgres();
  await using fabric = await Fabric.start({ postgres });
  const signer = await fabric.startSigner();
  let [startMs, recoveryMs] = [0, 0];
  // One that meets a database which is still recovering ends, and is started again, as a supervisor does.
  const started = async (left = 5): Promise<Running> => {
    const begun = performance.now();
    try {
      const running = await fabric.startAudit(signer, { AEGIS_AUDIT_CHECKPOINT_INTERVAL_MS: "1000" });
      startMs = performance.now() - begun;
      return running;
    } catch (error) {
      if (left === 0) throw error;
      return started(left - 1);
    }
  };
  let audit = await started();
  const order = shuffledNumbers(events * deliveries, 11);
  let stopped = false;
  const kills = { audit: 0, postgres: 0 };
  const kill = async () => {
    for (let round = 0; !stopped; round++) {
      // Long enough to get somewhere between two starts, however slow the machine is.
      const until = performance.now() + (500 + 2 * Math.max(startMs, recoveryMs)) * (0.5 + ((round * 7919) % 1_000) / 1_000);
      while (!stopped && performance.now() < until) await delay(50);
      if (stopped) return;
      if (round % 3 === 1) {
        kills.postgres++;
        await postgres.kill();
        const begun = performance.now();
        await restarted(postgres);
        recoveryMs = performance.now() - begun;
      } else {
        kills.audit++;
        await audit.kill();
        audit = await started();
      }
    }
  };
  let broken: unknown;
  const killing = kill().catch((error: unknown) => {
    broken = error;
  });
  const begun = performance.now();
  const sender = senderOf(fabric);
  // An event is made from its number each time it is sent: a million of them need not be kept.
  const sent = decisions();
  for (let from = 0; from < order.length; from += atOnce) {
    await sender(Array.from(order.subarray(from, from + atOnce), (number) => sent(number % events)));
  }
  const consumed = async () => {
    if (broken !== undefined) return true;
    const { num_pending, num_ack_pending } = await fabric.nats.bus.manager.consumers.info("DECISIONS", "audit-decisions");
    return num_pending + num_ack_pending === 0;
  };
  await until(consumed, { what: "every delivery is taken in", timeoutMs: 7_200_000, intervalMs: 250 });
  stopped = true;
  await killing;
  if (broken !== undefined) throw broken;
  const seconds = (performance.now() - begun) / 1000;
  await fabric.covered("acme", events, 120_000);
  const [counts] = await fabric.superuser((db) =>
    db.transaction().execute(async (trx) => {
      await sql`set local statement_timeout = 0`.execute(trx);
      const counted = sql<{ rows: number; ids: number; last: number; places: number; kinds: number }>`
        select count(*) as rows, count(distinct id) as ids, max(sequence) as last, count(distinct producer_sequence) as places,
          count(distinct kind) as kinds from entries where tenant = 'acme'`;
      return (await counted.execute(trx)).rows;
    }),
  );
  expect(counts).toEqual({ rows: events, ids: events, last: events - 1, places: events, kinds: 1 });
  const report = await fabric.verify(audit);
  expect([report.entries, report.uncovered, report.faults]).toEqual([events, 0, []]);
  expect(Math.min(kills.audit, kills.postgres)).toBeGreaterThan(0);
  console.log(
    `${events} events in ${order.length} deliveries, audit killed ${kills.audit} and PostgreSQL ${kills.postgres} times: ` +
      `${Math.round(order.length / seconds)} deliveries/s with all of that, ${report.checkpoints} checkpoints`,
  );
}, 14_400_000);

/** With much to recover it may take longer than one start waits. */
async function restarted(postgres: TestPostgres, left = 5): Promise<void> {
  await postgres.start().catch(async (error: unknown) => {
    if (left === 0) throw error;
    await postgres.kill();
    await restarted(postgres, left - 1);
  });
}

/** Sends many at a time, without ids by which JetStream itself would drop repeats, and sends again what it did not store. */
function senderOf(fabric: Fabric): (events: readonly Sent[]) => Promise<void> {
  const { connection } = fabric.nats.bus;
  const inbox = createInbox();
  const waiting = new Set<number>();
  connection.subscribe(`${inbox}.*`, {
    callback: (_, message) => {
      if (message.data.length > 0 && message.json<{ error?: unknown }>().error === undefined)
        waiting.delete(Number(message.subject.slice(inbox.length + 1)));
    },
  });
  return async (events) => {
    for (const at of events.keys()) waiting.add(at);
    while (waiting.size > 0) {
      for (const at of waiting) {
        const { subject, bytes } = events[at] as Sent;
        connection.publish(subject, bytes, { reply: `${inbox}.${at}` });
      }
      const patience = performance.now() + 10_000;
      while (waiting.size > 0 && performance.now() < patience) await delay(1);
    }
  };
}

/** The event of each number, by putting what is its own into the text of one. */
function decisions(): (number: number) => Sent {
  const one = idOf(0);
  const { subject, bytes } = decision({ sequence: 1, id: one });
  const text = bytes.toString();
  return (number) => {
    const id = idOf(number);
    const own = text.replaceAll(one, id).replace('"sequence":1}', `"sequence":${number + 1}}`);
    return { subject, id, bytes: Buffer.from(own) };
  };
}

/** A UUID of version 7 that follows from the number. */
function idOf(number: number): string {
  const hex = (Date.UTC(2026, 0, 1) + number).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-${number.toString(16).padStart(12, "0")}`;
}
