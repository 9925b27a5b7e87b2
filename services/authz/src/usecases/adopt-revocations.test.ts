import { expect, test } from "vitest";
import { Revocations, type RevocationsDump } from "#domain/revocations.ts";
import { adoptRevocations } from "./adopt-revocations.ts";

function given(kept?: RevocationsDump) {
  const clock = { time: 1_000_000, now: () => new Date(clock.time) };
  const revocations = new Revocations();
  const world = { snapshot: { issuedAt: 0, entries: {} as Record<string, unknown> }, away: false, saved: kept, saves: 0, told: 0 };
  const adopt = adoptRevocations({
    ...{ revocations, clock },
    onChange: () => {
      world.told += 1;
    },
    cache: {
      load: async () => world.saved,
      save: async (dump) => {
        world.saved = dump;
        world.saves += 1;
      },
    },
    snapshots: {
      fetch: async () => {
        if (world.away) throw new Error("away");
        return world.snapshot;
      },
    },
  });
  const put = (key: string, value: unknown) => adopt.entry(key, Buffer.from(JSON.stringify(value)));
  return { ...{ clock, revocations, world, adopt, put } };
}

test("states of agents and single tokens come and go with their entries", () => {
  const { adopt, put, revocations } = given();
  put("acme.finance-agent", { state: "suspended" });
  put("acme.token.t-1", { state: "revoked", until: "2026-01-01T00:00:00Z" });
  expect([revocations.standingOf("acme", "finance-agent"), revocations.tokenRevoked("acme", "t-1")]).toEqual(["suspended", true]);
  expect([revocations.standingOf("globex", "finance-agent"), revocations.tokenRevoked("globex", "t-1")]).toEqual(["active", false]);
  adopt.entry("acme.finance-agent", undefined);
  adopt.entry("acme.token.t-1", undefined);
  expect([revocations.standingOf("acme", "finance-agent"), revocations.tokenRevoked("acme", "t-1")]).toEqual(["active", false]);
});

test("what cannot be understood counts as revoked, never as active", () => {
  const { adopt, put, revocations } = given();
  put("acme.a", { state: "asleep" });
  put("acme.b", null);
  adopt.entry("acme.c", Buffer.from("{"));
  for (const agent of ["a", "b", "c"]) expect(revocations.standingOf("acme", agent)).toBe("revoked");
  for (const key of ["", "acme.", "acme.a.b", "Acme", "Acme.a", "acme.token.x.y"])
    expect(() => put(key, { state: "revoked" })).toThrow(/names nobody/);
});

test("a revoked tenant takes every agent along, also after a restart; others hear which revision is enforced", async () => {
  const first = given();
  first.adopt.entry("acme.a", Buffer.from(JSON.stringify({ state: "suspended" })), 3);
  expect([first.adopt.applied(), first.world.told]).toEqual([3, 0]);
  first.adopt.follows(true);
  first.adopt.entry("acme", Buffer.from(JSON.stringify({ state: "revoked" })), 4);
  expect([first.adopt.applied(), first.world.told]).toEqual([4, 2]);
  expect(["acme", "globex"].map((tenant) => first.revocations.standingOf(tenant, "a"))).toEqual(["revoked", "active"]);
  await first.adopt.refresh();
  const again = given(first.world.saved);
  await again.adopt.load();
  expect(again.revocations.standingOf("acme", "b")).toBe("revoked");
  first.adopt.entry("acme", undefined, 5);
  expect(first.revocations.standingOf("acme", "a")).toBe("suspended");
});

test("before the first word nothing is fresh; the followed bucket makes it so, and only while it is followed", async () => {
  const { adopt, revocations, clock, world } = given();
  expect(revocations.age(clock.time)).toBe(clock.time);
  adopt.follows(true);
  clock.time += 60_000;
  await adopt.refresh();
  expect(revocations.age(clock.time)).toBe(0);
  adopt.follows(false);
  world.away = true;
  clock.time += 60_000;
  await expect(adopt.refresh()).rejects.toThrow("away");
  expect(revocations.age(clock.time)).toBe(60_000);
});

test("without the bucket the token service's snapshot adds what is revoked, and is as fresh as its signature", async () => {
  const { adopt, revocations, clock, world, put } = given();
  put("acme.a", { state: "revoked" });
  world.snapshot = { issuedAt: clock.time - 3_000, entries: { "acme.b": { state: "suspended" } } };
  await adopt.refresh();
  expect([revocations.standingOf("acme", "a"), revocations.standingOf("acme", "b")]).toEqual(["revoked", "suspended"]);
  expect(revocations.age(clock.time)).toBe(3_000);
});

test("a restart knows who was revoked, and how old that knowledge is", async () => {
  const first = given();
  first.put("acme.a", { state: "revoked" });
  first.adopt.follows(true);
  await first.adopt.refresh();
  const again = given(first.world.saved);
  await again.adopt.load();
  expect(again.revocations.standingOf("acme", "a")).toBe("revoked");
  expect(again.revocations.age(first.clock.time + 5_000)).toBe(5_000);
});

test("what is known is fresh from its first confirmation until five minutes after its last", async () => {
  const { adopt, clock, world } = given();
  world.away = true;
  clock.time = 10_000_000;
  expect(adopt.fresh()).toBe(false);
  adopt.follows(true);
  adopt.follows(false);
  expect(adopt.fresh()).toBe(true);
  clock.time += 5 * 60_000 + 1;
  await expect(adopt.refresh()).rejects.toThrow();
  expect(adopt.fresh()).toBe(false);
});
