import { RedeemResult } from "@aegis/contracts/aegis/approvals/v1/approvals";
import { connectDatabase } from "@aegis/postgres/connect";
import { inTenant } from "@aegis/postgres/tenant";
import { until } from "@aegis/testkit/until";
import { sql } from "kysely";
import { v7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  agentToken,
  approvedOverride,
  call,
  cast,
  hold,
  operatorToken,
  type Running,
  redemption,
  type Surroundings,
  surroundings,
} from "./running.ts";

let around: Surroundings;
let replicas: Running[];

beforeAll(async () => {
  around = await surroundings();
  replicas = [await around.start("approvals-0"), await around.start("approvals-1")];
});
afterAll(async () => around?.[Symbol.asyncDispose]());

const replica = (index: number) => replicas[index % replicas.length] as Running;
let next = 0;
const fresh = () => ({ agent: `agent-${next++}` });

const redeemAll = (token: string, held: { agent: string }, times: number) =>
  Promise.all(Array.from({ length: times }, (_, index) => replica(index).authz.redeem(redemption(token, held))));
const passed = (answers: { result: RedeemResult }[]) => answers.filter((answer) => answer.result === RedeemResult.REDEEMED).length;

test("of 1,000 parallel redeems at two replicas, exactly one passes", async () => {
  const held = fresh();
  const { token } = await approvedOverride(around, replica(0), held);
  const answers = await redeemAll(token, held, 1_000);
  expect(passed(answers)).toBe(1);
  expect(answers.filter((answer) => answer.result === RedeemResult.INVALID)).toHaveLength(999);
});

test("of 50 parallel redeems exactly one passes, 20 times", async () => {
  for (let round = 0; round < 20; round++) {
    const held = fresh();
    const { token } = await approvedOverride(around, replica(round), held);
    expect(passed(await redeemAll(token, held, 50))).toBe(1);
  }
});

test("1,000 redeems across a restart of the database: exactly one decision passes, however often each asks again", async () => {
  const held = fresh();
  const { token } = await approvedOverride(around, replica(0), held);
  const passed = new Set<string>();
  let unanswered = 0;
  const redeem = async (index: number) => {
    const attempt = redemption(token, held, v7());
    await until(
      async () => {
        const answer = await replica(index)
          .authz.redeem(attempt)
          .catch(() => undefined);
        if (answer === undefined) unanswered++;
        if (answer?.result === RedeemResult.REDEEMED) passed.add(attempt.decisionId);
        return answer !== undefined;
      },
      { timeoutMs: 100_000, intervalMs: 200 },
    );
  };
  const restarting = around.postgres.kill().then(() => around.postgres.start());
  await Promise.all([restarting, ...Array.from({ length: 1_000 }, (_, index) => redeem(index))]);
  expect(passed.size).toBe(1);
  expect(unanswered).toBeGreaterThan(0);
}, 120_000);

test("approve and deny at the same moment: denied, however the two arrive", async () => {
  for (let round = 0; round < 25; round++) {
    const id = await hold(around, fresh());
    await Promise.all([
      cast(around, replica(round), id, "ann@acme.test", "approve"),
      cast(around, replica(round + 1), id, "bob@acme.test", "deny"),
      cast(around, replica(round), id, "cleo@acme.test", "approve"),
    ]);
    const { body } = await call(await operatorToken(around, "ann@acme.test"), "GET", `${replica(0).url}/v1/approvals/${id}`);
    expect(body).toMatchObject({ state: "denied", decidedBy: ["bob@acme.test"] });
  }
});

/** Many more: AEGIS_INTERLEAVINGS=10000. */
const interleavings = Number(process.env.AEGIS_INTERLEAVINGS ?? 40);

test(
  "however votes, expiry, cancelling and redeeming interleave at two replicas: no state twice, none after a last one, no yes after a no",
  async () => {
    const ended = new Map<string, number>();
    const round = async (index: number) => {
      // Of this round: ten thousand outlive a token.
      const admin = await operatorToken(around, "ada@acme.test", { acme: ["admin"] });
      const pick = (many: number) => Math.floor(Math.random() * many);
      const held = fresh();
      const id = await hold(around, { ...held, quorum: 1 + pick(2), expiresInMs: 300 + pick(2_000) });
      const own = await agentToken(around, { client_id: held.agent, instance: "i-1" });
      const at = (rest: string) => `${replica(pick(2)).url}/v1/approvals/${id}${rest}`;
      const steps: (() => Promise<unknown>)[] = [
        ...["ann", "bob", "cleo"].map(
          (user) => () => cast(around, replica(pick(2)), id, `${user}@acme.test`, pick(4) === 0 ? "deny" : "approve"),
        ),
        () => call(own, "GET", at("/wait?timeout=3")),
        async () => {
          await call(own, "GET", at("/wait?timeout=3"));
          const { body } = await call(own, "POST", at("/override"));
          if (body.override_token !== undefined) await redeemAll(body.override_token, held, 4);
        },
        async () => pick(5) === 0 && (await call(admin, "POST", at("/cancel"), {})),
        async () => pick(2) === 0 && (await cast(around, replica(pick(2)), id, "dora@acme.test", "deny")),
      ];
      await Promise.all(steps.map((step) => step()));
      const final = ["denied", "expired", "cancelled", "redeemed"];
      const happened = async () => (await call(admin, "GET", at("/history"))).body.history as { what: string }[];
      // What is neither denied nor spent lapses, an approved one after five minutes: that one is taken back here.
      await until(async () => {
        if ((await happened()).some(({ what }) => final.includes(what))) return true;
        await call(admin, "POST", at("/cancel"), {});
        return false;
      });
      const states = (await happened()).map(({ what }) => what).filter((what) => what === "approved" || final.includes(what));
      expect(
        states.filter((state) => final.includes(state)),
        states.join(),
      ).toHaveLength(1);
      expect(states.filter((state) => state === "approved").length, states.join()).toBeLessThanOrEqual(1);
      expect(final, states.join()).toContain(states.at(-1));
      if (states.includes("redeemed")) expect(states).toEqual(["approved", "redeemed"]);
      const last = states.at(-1) ?? "";
      ended.set(last, (ended.get(last) ?? 0) + 1);
      return index;
    };
    for (let done = 0; done < interleavings; done += 8) {
      await Promise.all(Array.from({ length: Math.min(8, interleavings - done) }, (_, index) => round(done + index)));
    }
    expect(ended.get("denied")).toBeGreaterThan(0);
  },
  100_000 + interleavings * 1_000,
);

test("a quorum of three counts three people, not nine parallel clicks of two", async () => {
  const id = await hold(around, { ...fresh(), quorum: 3 });
  const clicks = Array.from({ length: 9 }, (_, index) =>
    cast(around, replica(index), id, index % 2 ? "ann@acme.test" : "Bob@acme.test", "approve"),
  );
  await Promise.all(clicks);
  const { body } = await call(await operatorToken(around, "ann@acme.test"), "GET", `${replica(0).url}/v1/approvals/${id}`);
  expect(body).toMatchObject({ state: "pending", votes: [{}, {}] });
});

test("requests survive kill -9 of the service and of NATS, and votes need no NATS, not even to start", async () => {
  const [before, unheard] = [await hold(around, fresh()), await hold(around, fresh())];
  const token = await operatorToken(around, "ann@acme.test");
  const isKnown = async () => (await call(token, "GET", `${replica(0).url}/v1/approvals/${before}`)).body.tenant !== undefined;
  await until(isKnown);
  await replica(1).kill();
  await around.nats.kill();
  const again = await around.start("approvals-1");
  expect((await cast(around, again, before, "ann@acme.test", "approve")).body.state).toBe("approved");
  await around.nats.start();
  const after = await until(() => hold(around, fresh()), { timeoutMs: 30_000 });
  for (const id of [unheard, after]) {
    await until(async () => (await cast(around, again, id, "ann@acme.test", "approve")).body.state === "approved");
  }
  replicas = [replica(0), again];
});

test("another tenant's rows do not exist, and without a tenant there are none", async () => {
  await hold(around, fresh());
  await using db = connectDatabase<Record<never, never>>({ url: around.database.url, name: "test", schema: "approvals" });
  const counted = async (tenant: string) => {
    const { rows } = await inTenant(db, tenant, (trx) => sql<{ many: number }>`select count(*) as many from approvals`.execute(trx));
    return rows[0]?.many;
  };
  expect(await counted("acme")).toBeGreaterThan(0);
  expect(await counted("other")).toBe(0);
  expect((await sql<{ many: number }>`select count(*) as many from approvals`.execute(db)).rows[0]?.many).toBe(0);
  await expect(
    inTenant(db, "other", (trx) => sql`insert into owners (tenant, agent, owner) values ('acme', 'a', 'eve')`.execute(trx)),
  ).rejects.toThrow(/row-level security/);
});
