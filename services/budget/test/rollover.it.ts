import { mkdtemp, rename, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { v7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { account, limit, type Running, type Surroundings, surroundings } from "./running.ts";

let around: Surroundings;
let service: Running;
let clock: string;

/** What the service's clock shows from now on; it goes on from there. */
async function setClock(shown: string): Promise<void> {
  await writeFile(`${clock}.next`, `${Date.parse(shown)} ${Date.now()}`);
  await rename(`${clock}.next`, clock);
}

beforeAll(async () => {
  around = await surroundings();
  clock = join(await mkdtemp(join(tmpdir(), "clock-")), "now");
  await setClock("2018-11-01T12:00:00Z");
  for (const [tenant, timeZone] of [
    ["sao-paulo", "America/Sao_Paulo"],
    ["berlin", "Europe/Berlin"],
  ] as const)
    await around.publish(tenant, 1, [limit("tenant", 5, { timeZone }), limit("agent/*", 5, { timeZone, window: "hour" })]);
  const preload = new URL("./moved-clock.ts", import.meta.url).pathname;
  service = await around.start("budget-0", { preload, env: { MOVED_CLOCK_FILE: clock } });
});
afterAll(async () => around?.[Symbol.asyncDispose]());

/** How many of `calls` calls go ahead at a time on the service's clock, and when the refused may come back, on that clock. */
async function spend(tenant: string, at: string, calls: number, scope = "tenant", window = "day") {
  await setClock(at);
  let allowed = 0;
  let again: number | undefined;
  for (let call = 0; call < calls; call++) {
    const answer = await service
      .as("authz-0")
      .reserve({ decisionId: v7(), amounts: [{ account: account(tenant, scope, { window }), units: 1n }] });
    if (answer.reserved) allowed++;
    else again = Date.parse(at) + Number(answer.retryAfter?.seconds) * 1000;
  }
  return { allowed, again: again === undefined ? undefined : Math.round(again / 60_000) * 60_000 };
}

const at = (text: string) => Date.parse(text);

test("a running service starts São Paulo's ordinary day at its midnight", async () => {
  expect(await spend("sao-paulo", "2018-10-20T02:59:00Z", 9)).toEqual({ allowed: 5, again: at("2018-10-20T03:00:00Z") });
  expect(await spend("sao-paulo", "2018-10-20T02:59:50Z", 1)).toMatchObject({ allowed: 0 });
  expect(await spend("sao-paulo", "2018-10-20T03:00:00Z", 9)).toEqual({ allowed: 5, again: at("2018-10-21T03:00:00Z") });
});

test("where clocks skip midnight, the day starts at one o'clock", async () => {
  // On 4 November 2018 clocks went from 23:59:59 -03:00 to 01:00 -02:00.
  expect(await spend("sao-paulo", "2018-11-04T02:59:00Z", 9)).toEqual({ allowed: 5, again: at("2018-11-04T03:00:00Z") });
  expect(await spend("sao-paulo", "2018-11-04T03:00:00Z", 9)).toEqual({ allowed: 5, again: at("2018-11-05T02:00:00Z") });
});

test("where clocks go back at midnight, the day has 25 hours and does not start twice", async () => {
  // On 17 February 2019 midnight -02:00 was 23:00 -03:00 of the day before once more.
  expect(await spend("sao-paulo", "2019-02-16T02:00:00Z", 9)).toEqual({ allowed: 5, again: at("2019-02-17T03:00:00Z") });
  expect(await spend("sao-paulo", "2019-02-17T02:00:00Z", 9)).toMatchObject({ allowed: 0 });
  expect(await spend("sao-paulo", "2019-02-17T02:59:50Z", 1)).toMatchObject({ allowed: 0 });
  expect(await spend("sao-paulo", "2019-02-17T03:00:00Z", 9)).toMatchObject({ allowed: 5 });
});

test("Berlin's day of 23 hours, and its hour that comes twice", async () => {
  expect(await spend("berlin", "2026-03-28T23:00:00Z", 9)).toEqual({ allowed: 5, again: at("2026-03-29T22:00:00Z") });
  expect(await spend("berlin", "2026-03-29T22:00:00Z", 9)).toMatchObject({ allowed: 5 });
  const hour = (time: string) => spend("berlin", time, 9, "agent/a", "hour");
  expect(await hour("2026-10-25T00:30:00Z")).toEqual({ allowed: 5, again: at("2026-10-25T01:00:00Z") });
  expect(await hour("2026-10-25T01:00:00Z"), "two o'clock once more").toEqual({ allowed: 5, again: at("2026-10-25T02:00:00Z") });
});

test("a lease ends with its window, and what comes back afterwards goes to the day it was taken from", async () => {
  await setClock("2019-03-10T02:59:55Z");
  const ask = { account: account("sao-paulo", "tenant"), holder: "e1", need: 5n, want: 5n };
  const lease = await service.as("authz-0").lease(ask);
  expect([lease.granted, Number(lease.windowEnds?.seconds) * 1000]).toEqual([5n, at("2019-03-10T03:00:00Z")]);
  await setClock("2019-03-10T03:00:01Z");
  await service.as("authz-0").release({ what: { case: "leaseId", value: lease.leaseId }, spent: 2n });
  const next = await service.as("authz-0").lease(ask);
  expect(next.granted, "the new day is whole").toBe(5n);
  expect((await service.as("authz-0").lease(ask)).granted).toBe(0n);
  await setClock("2019-03-10T02:59:58Z");
  expect((await service.as("authz-0").lease({ ...ask, need: 1n })).granted, "three came back to the old one").toBe(3n);
});
