import { appendFileSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { until } from "@aegis/testkit/until";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Load, percentile } from "../src/drills/load.ts";
import { type Site, sabotageOf, startSite } from "../src/drills/site.ts";
import { judge } from "../src/drills/verdict.ts";
import { type Fault, type Orders, struckMark } from "../src/faults/orders.ts";

/** Short forms, as the suite runs them; the long ones are those of `./aegis drill`. */
const kills = Number(process.env.AEGIS_DRILL_KILLS ?? 2);
const outageSeconds = Number(process.env.AEGIS_DRILL_OUTAGE_SECONDS ?? 12);
const lossSeconds = Number(process.env.AEGIS_DRILL_LOSS_SECONDS ?? 3);
/** How often each system call fails in each way; 0: a few of them once. */
const faultRounds = Number(process.env.AEGIS_DRILL_FAULT_ROUNDS ?? 0);
/** The full disk is a file system of this many megabytes; 0: the double says that it is full. */
const diskMegabytes = Number(process.env.AEGIS_DRILL_DISK_MEGABYTES ?? 0);
/** No drill ends before: a slow machine takes its time. */
const limitMs = 60_000;

const sabotage = sabotageOf();
let site: Site;
let load: Load;

beforeAll(async () => {
  site = (await startSite({ sabotage })) as Site;
  if (sabotage === "no-dedupe") await site.ledger.dropUniqueKeys();
});
afterAll(async () => {
  await site?.[Symbol.asyncDispose]();
});
afterEach(async () => {
  await load[Symbol.asyncDispose]();
  site.order({});
  await site.nats.start();
  await site.postgres.start();
  await site.ready("authz-0");
});

async function loaded(orders: Orders = {}, on: Site = site): Promise<Load> {
  on.order(orders);
  load = await Load.start(on.fabric.endpoints.authz.grpc, on.token, { workers: 4, pauseMs: 10 });
  await more(50);
  load.next();
  return load;
}

/** Waits until so many more calls were let through. */
async function more(count: number): Promise<void> {
  const wanted = load.allowed.length + count;
  await until(() => load.allowed.length >= wanted, { what: `${count} more allows`, timeoutMs: 60_000, intervalMs: 10 });
}

const worst = (values: readonly number[]): number => Math.round(Math.max(...values));

test(
  "kill authz: whatever was answered before kill -9, on a disk that keeps only what was synced, is ledgered once",
  async () => {
    // What was sent is safe: for a moment nothing is, so that all hangs on the spool. A slow disk, so that nobody is ahead of it unseen.
    await loaded({ powerCut: true, slowSyncMs: 15 });
    const ready: number[] = [];
    // What was written before the orders were heard has no mark of how much of it was synced.
    ready.push(await site.kill("authz-0"));
    for (let round = 0; round < kills; round++) {
      load.reconnect();
      await more(40);
      site.order({ powerCut: true, slowSyncMs: 15, hold: true });
      await more(20);
      ready.push(await site.kill("authz-0"));
      site.order({ powerCut: true, slowSyncMs: 15 });
    }
    load.reconnect();
    await more(50);
    await load.stop();
    await judge(site, load, "kill authz", { kills: ready.length, "ready again ms, median": percentile(ready, 0.5), worst: worst(ready) });
  },
  kills * 30_000 + limitMs,
);

test(
  "kill stores: kill -9 of audit, NATS and PostgreSQL under load loses and doubles nothing",
  async () => {
    await loaded();
    const ready: Record<string, number[]> = { audit: [], nats: [], postgres: [] };
    for (let round = 0; round < Math.ceil(kills / 3); round++) {
      await more(200);
      (ready.audit as number[]).push(await site.kill("audit"));
      await more(200);
      const since = performance.now();
      await site.nats.kill();
      await more(50);
      await site.nats.start();
      await site.ready("audit");
      (ready.nats as number[]).push(performance.now() - since);
      await more(200);
      const then = performance.now();
      await site.postgres.kill();
      await more(50);
      await site.postgres.start();
      await site.ready("audit");
      (ready.postgres as number[]).push(performance.now() - then);
      // A repeat under another message id, as after a loss, reaches the ledger and must be known there.
      site.order({ loseAcknowledged: 0.05 });
      await more(100);
      site.order({});
    }
    await load.stop();
    const figures = Object.fromEntries(Object.entries(ready).map(([name, values]) => [`${name} ready again ms, worst`, worst(values)]));
    await judge(site, load, "kill stores", figures);
  },
  kills * 30_000 + limitMs,
);

test(
  "NATS outage: decisions go on while NATS is away, and everything arrives once it is back",
  async () => {
    await loaded();
    await pause(Math.min(outageSeconds / 3, 20) * 1_000);
    load.next();
    await pause(Math.min(outageSeconds / 3, 40) * 1_000);
    const before = load.next();
    await site.nats.kill();
    await pause(outageSeconds * 1_000);
    const during = load.next();
    await site.nats.start();
    const back = performance.now();
    await more(50);
    await load.stop();
    const p99 = [percentile(before.latencies, 0.99), percentile(during.latencies, 0.99)] as const;
    const figures = {
      "answered during": during.latencies.length,
      failed: during.failed,
      denied: during.denied,
      seconds: outageSeconds,
      "p99 ms before": p99[0],
      "p99 ms during": p99[1],
      "p99 ratio": Math.round((100 * p99[1]) / p99[0]) / 100,
    };
    await judge(site, load, "NATS outage", figures);
    console.log(`NATS outage: all in the ledger ${Math.round((performance.now() - back) / 1000)} s after NATS was back`);
    expect(during.latencies.length).toBeGreaterThan(0);
    expect(during.failed + during.denied).toBe(0);
  },
  outageSeconds * 5_000 + limitMs * 3,
);

test(
  "lost acknowledged: 5 % of what NATS acknowledged is gone, and is sent again",
  async () => {
    await loaded({ loseAcknowledged: 0.05 });
    await pause(lossSeconds * 1_000);
    await load.stop();
    await judge(site, load, "lost acknowledged", { share: 0.05 });
  },
  lossSeconds * 5_000 + limitMs * 3,
);

const everyFault = (["create", "write", "sync", "remove", "syncDirectory", "list", "size"] as const).flatMap((call) =>
  (["EIO", "ENOSPC", "KILL"] as const).map((code) => ({ call, code })),
);
const fewFaults = [
  { call: "write", code: "EIO" },
  { call: "sync", code: "ENOSPC" },
  { call: "write", code: "KILL" },
] as const;
/** Made when a segment is opened or a spool recovered: struck at a start. */
const atStart: ReadonlySet<string> = new Set(["list", "size", "create", "syncDirectory", "remove"]);

test(
  "system calls: each call of the spool fails once under load, by an error or with the process, and no allow is unlogged",
  async () => {
    await loaded({ powerCut: true });
    await site.kill("authz-0");
    load.reconnect();
    let struck = 0;
    const rounds = Array.from({ length: Math.max(1, faultRounds) }, (_, round) => round);
    for (const round of rounds) {
      for (const { call, code } of faultRounds > 0 ? everyFault : fewFaults) {
        await more(20);
        const fault: Fault = { id: `${round}-${call}-${code}`, call, code, times: 1 };
        site.order({ powerCut: true, hold: true, faults: [fault] });
        if (atStart.has(call)) await site.kill("authz-0");
        else await until(() => existsSync(struckMark(site.ordersFile, fault.id, 0)), { what: `${call} failed`, timeoutMs: 20_000 });
        if (existsSync(struckMark(site.ordersFile, fault.id, 0))) struck += 1;
        if (code === "KILL") await pause(200);
        // An error that was taken for success shows only when nothing is left but the disk.
        else if (!atStart.has(call)) {
          await more(10);
          await site.kill("authz-0");
        }
        site.order({ powerCut: true, faults: [fault] });
        await until(() => site.isReady("authz-0"), { what: `authz is ready after ${call} ${code}`, timeoutMs: 60_000 });
        load.reconnect();
      }
    }
    await more(20);
    await load.stop();
    await judge(site, load, "system calls", { struck });
  },
  faultRounds * everyFault.length * 15_000 + limitMs * 2,
);

test(
  "two failed syncs: nothing is let through any more, the process gives up, and no allow is unlogged",
  async () => {
    await loaded({ powerCut: true });
    await site.kill("authz-0");
    load.reconnect();
    await more(50);
    const before = await site.pid("authz-0");
    site.order({ powerCut: true, hold: true, faults: [{ id: "twice", call: "sync", code: "EIO", times: 2 }] });
    if (sabotage === undefined) {
      await until(() => (load.denials.get("audit_unavailable") ?? 0) > 0, { what: "calls are denied", timeoutMs: 20_000 });
      load.next();
      await pause(500);
      expect(load.next().allowed, "allows after the second failure").toBe(0);
      await until(async () => (await site.pid("authz-0")) !== before, { what: "the process gave up", timeoutMs: 20_000 });
    } else {
      await more(50);
      await site.kill("authz-0");
    }
    site.order({ powerCut: true });
    await site.ready("authz-0");
    load.reconnect();
    await more(50);
    await load.stop();
    await judge(site, load, "two failed syncs", { denied: load.denials.get("audit_unavailable") ?? 0 });
  },
  limitMs * 2,
);

test(
  "full disk: nothing is let through while events cannot be written, it goes on once there is room, and no allow is unlogged",
  async () => {
    await using small = diskMegabytes === 0 ? undefined : await startSite({ sabotage, spoolMegabytes: diskMegabytes });
    if (diskMegabytes > 0 && small === undefined) return console.log("full disk: not run, this user may not mount a file system");
    const on = small ?? site;
    await using pressed = await loaded({}, on);
    await more(50);
    const full = small === undefined ? () => on.order({ hold: true, full: true }) : () => void fillUp(on);
    full();
    await until(() => (pressed.denials.get("audit_unavailable") ?? 0) + (sabotage ? 1 : 0) > 0, {
      what: "calls are denied",
      timeoutMs: 60_000,
    });
    pressed.next();
    await pause(1_000);
    const during = pressed.next();
    if (sabotage === undefined) expect(during.allowed, "allows on a full disk").toBe(0);
    on.order({});
    if (small !== undefined) rmSync(ballast(on));
    await on.ready("authz-0");
    pressed.reconnect();
    await more(50);
    await pressed.stop();
    await judge(on, pressed, "full disk", { megabytes: diskMegabytes, denied: pressed.denials.get("audit_unavailable") ?? 0 });
  },
  limitMs * 5,
);

const ballast = (on: Site): string => join(on.fabric.dataDirectory, "authz-0", "spool", "ballast");

function fillUp(on: Site): void {
  const chunk = Buffer.alloc(4096);
  try {
    for (;;) appendFileSync(ballast(on), chunk);
  } catch {
    // Full.
  }
}
