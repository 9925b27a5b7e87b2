import { setTimeout as pause } from "node:timers/promises";
import { Outcome } from "@aegis/contracts/aegis/authz/v1/authz";
import { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Caller, callAuthz, isAllowed } from "../src/caller.ts";
import { barePayments } from "../src/documents.ts";
import { type Fabric, startFabric } from "../src/fabric.ts";
import { spawner } from "../src/sub-agents.ts";
import { type Tenant, tenantOn } from "../src/tenant.ts";

/** Rounds of 100 calls; with AEGIS_DRILL_ROUNDS=1000 it is the long form, which also waits for what crashes left to come back. */
const rounds = Number(process.env.AEGIS_DRILL_ROUNDS ?? 8);
const long = process.env.AEGIS_DRILL_ROUNDS !== undefined;
const replicas = 3;
const quota = 60;

const started = new AsyncDisposableStack();
let fabric: Fabric;
let database: Client;

beforeAll(async () => {
  fabric = started.use(await startFabric("--replicas", `authz=${replicas}`));
  database = new Client(fabric.endpoints.postgresSuperuser);
  await database.connect();
  started.defer(() => database.end());
});
afterAll(() => started.disposeAsync());

const governance = (limit: string) =>
  `apiVersion: aegis.dev/v1\nkind: Governance\nmetadata: { name: ground-rules }\nspec:\n  limits:\n    - ${limit}\n`;

async function tenantWith(name: string, limit: string): Promise<{ tenant: Tenant; token: string; callers: Caller[] }> {
  const tenant = tenantOn(fabric, name);
  await tenant.publish(barePayments, barePayments.replace("finance-agent", "helper-agent"), governance(limit));
  await tenant.register("finance-agent");
  const issue = ["token", "issue", "--tenant", tenant.name, "--agent", "finance-agent"];
  const { access_token: token } = await tenant.cli.json<{ access_token: string }>(issue);
  const callers = fabric.endpoints.replicas.authz.map((replica) => started.use(callAuthz(replica.grpc, token)));
  return { tenant, token, callers };
}

async function signal(name: string, which: NodeJS.Signals): Promise<void> {
  const { processes } = await fabric.cli.json<{ processes: { name: string; pid: number }[] }>(["status"], "any");
  const found = processes.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no process is named ${name}`);
  process.kill(found.pid, which);
}

/** What does not add up in a tenant's books, counted anew from leases and reservations in one snapshot. */
async function faults(tenant: string, most: number): Promise<string[]> {
  const { rows } = await database.query<{ scope: string; fault: string }>(
    `with held as (
       select scope, window_start, sum(units) filter (where state = 'reserved' and not owed) as reserved,
         sum(settled) filter (where state = 'settled' and not owed) as settled
       from budget.reservations where tenant = $1 group by 1, 2),
     leased as (select scope, window_start, sum(greatest(0, coalesce(spent, granted) - attributed)) as leased
       from budget.leases where tenant = $1 group by 1, 2)
     select a.scope, f.fault from budget.accounts a
       left join held h using (scope, window_start) left join leased l using (scope, window_start),
       lateral (values
         ('beyond the limit', a.leased + a.reserved + a.settled > $2),
         ('reserved is not what decisions hold', a.reserved <> coalesce(h.reserved, 0)),
         ('settled is not what decisions spent', a.settled <> coalesce(h.settled, 0)),
         ('leased is not what leases hold', a.leased <> coalesce(l.leased, 0))) as f (fault, wrong)
     where a.tenant = $1 and f.wrong`,
    [tenant, most],
  );
  return rows.map(({ scope, fault }) => `${scope}: ${fault}`);
}

interface Round {
  allowed: number;
  failed: number;
  refusals: Set<string>;
}

/** 100 calls at once over all replicas; a call that gets no answer is tried again elsewhere under the same request id. */
async function play(callers: readonly Caller[], promptId: string, disturb: () => Promise<unknown> = async () => undefined): Promise<Round> {
  const round: Round = { allowed: 0, failed: 0, refusals: new Set() };
  const call = async (at: number) => {
    for (let attempt = 0; attempt < 40; attempt++) {
      const caller = callers[(at + attempt) % callers.length]!;
      const answer = await caller.pay(10, { promptId, requestId: `${promptId}-${at}`, deadlineMs: 5_000 }).catch(() => undefined);
      if (answer === undefined) {
        await pause(250);
        continue;
      }
      if (!isAllowed(answer)) for (const { code } of answer.reasons) round.refusals.add(code);
      else {
        round.allowed++;
        const outcome = at % 10 === 0 ? Outcome.FAILED : Outcome.EXECUTED;
        const report = { agentToken: caller.token, decisionId: answer.decisionId, outcome };
        // Counted as taken back from the moment it is said: the units may be given to the next call from then on.
        if (outcome === Outcome.FAILED) round.failed++;
        await caller.client.reportOutcome(report, { deadlineMs: 5_000 }).catch(() => undefined);
      }
      return;
    }
  };
  await Promise.all([...Array.from({ length: 100 }, (_, at) => call(at)), disturb()]);
  return round;
}

/** What a killed process was for is there again. */
async function allAnswer(callers: readonly Caller[], promptId: string): Promise<void> {
  for (const caller of callers) {
    const answer = () => caller.pay(10, { promptId, deadlineMs: 2_000 }).then(isAllowed, () => false);
    await expect.poll(answer, { timeout: 60_000, interval: 200 }).toBe(true);
  }
}

const setLimit = (tenant: Tenant, prompt: string, ...how: string[]) =>
  tenant.cli.run("budget", "set", `prompt/${prompt}`, ...how, "--window", "prompt", "--tenant", tenant.name);

test("rounds of 100 calls at once on three replicas, with crashes, retries and edits: nothing is spent twice, and nothing that fits is refused", async () => {
  const { tenant, callers } = await tenantWith("rounds", `{ budget: prompt, actions: ${quota} }`);
  const seen: string[] = [];
  let looks = 0;
  const watching = new AbortController();
  const watch = (async () => {
    for (; !watching.signal.aborted; looks++) {
      seen.push(...(await faults(tenant.name, quota)));
      await pause(100);
    }
  })();
  let [overspent, phantom, disturbed] = [0, 0, 0];
  for (let number = 0; number < rounds; number++) {
    const promptId = `r-${number}`;
    const disturbances = [
      undefined,
      () => signal(`authz-${number % replicas}`, "SIGKILL"),
      undefined,
      () => setLimit(tenant, promptId, "--actions", "40"),
      undefined,
      long ? () => signal("budget", "SIGKILL") : undefined,
    ];
    // A long run has mostly undisturbed rounds, so that what they owe each other comes to light.
    const disturb = number < 6 || number % 10 < 6 ? disturbances[number % 6] : undefined;
    if (disturb) disturbed++;
    const round = await play(callers, promptId, disturb);
    overspent += Math.max(0, round.allowed - round.failed - quota);
    if (disturb === undefined && round.allowed < quota) phantom++;
    if (disturb) await allAnswer(callers, `after-${number}`);
    for (const code of round.refusals) expect(code).toBe("budget_exhausted");
  }
  watching.abort();
  await watch;
  console.log(
    `${rounds} rounds, ${disturbed} disturbed, books looked at ${looks} times: overspent ${overspent}, refused what fits ${phantom}`,
  );
  expect(seen).toEqual([]);
  expect(overspent).toBe(0);
  expect(phantom).toBe(0);
  if (long) await comesBack(tenant, callers);
}, 3_600_000);

/** After the stated recovery, all that was not spent can be spent: at most 2 % of any quota is left out of reach. */
async function comesBack(tenant: Tenant, callers: readonly Caller[]): Promise<void> {
  await pause(60_000);
  const unspent = `select a.scope, ${quota} - reserved - settled - overrun as rest from budget.accounts a
    where tenant = $1 and not exists (select 1 from budget.limits l where l.tenant = a.tenant and l.scope = a.scope)`;
  const before = await database.query<{ scope: string; rest: string }>(`${unspent} and reserved + settled + overrun < ${quota}`, [
    tenant.name,
  ]);
  for (const { scope } of before.rows) await play(callers, scope.slice("prompt/".length));
  await pause(15_000);
  const after = await database.query<{ rest: string }>(unspent, [tenant.name]);
  const worst = Math.max(0, ...after.rows.map(({ rest }) => Number(rest)));
  console.log(`after recovery: ${before.rows.length} prompts had units left; the most that any keeps is ${worst} of ${quota}`);
  expect(await faults(tenant.name, quota)).toEqual([]);
}

test("the drill bites: where debits are forgotten, it finds both overspending and books that do not add up", async () => {
  const { tenant, callers } = await tenantWith("sabotaged", `{ budget: prompt, actions: ${quota} }`);
  await database.query(`create function budget.forget() returns trigger language plpgsql as
    $$ begin if new.tenant = '${tenant.name}' then new.leased := 0; end if; return new; end $$`);
  await database.query("create trigger forget before update on budget.accounts for each row execute function budget.forget()");
  try {
    const round = await play(callers, "r-0");
    expect(round.allowed - round.failed).toBeGreaterThan(quota);
    expect((await faults(tenant.name, quota)).length).toBeGreaterThan(0);
  } finally {
    await database.query("drop trigger forget on budget.accounts; drop function budget.forget");
  }
});

test("a prompt that fans out to 50 sub-agents of 10 calls each stops exactly at its quota, and gets no further sub-agent", async () => {
  const { tenant, token } = await tenantWith("fan-out", "{ budget: prompt, actions: 200 }");
  const { keyFile } = await tenant.register("helper-agent", "--may-act", "finance-agent");
  const spawn = await spawner(tenant, "helper-agent", keyFile);
  const spawned = await Promise.all(Array.from({ length: 50 }, () => spawn(token, "fan")));
  const subAgents = spawned.map((one, at) => {
    if (!("token" in one)) throw new Error(one.error);
    return started.use(callAuthz(fabric.endpoints.replicas.authz[at % replicas]!.grpc, one.token));
  });
  let allowed = 0;
  const refusals = new Set<string>();
  await Promise.all(
    subAgents.map(async (caller) => {
      for (let call = 0; call < 10; call++) {
        const answer = await caller.pay(10, { promptId: "fan" });
        if (isAllowed(answer)) allowed++;
        else for (const { code } of answer.reasons) refusals.add(code);
      }
    }),
  );
  console.log(`50 sub-agents, 500 calls: ${allowed} allowed`);
  expect(allowed).toBe(200);
  expect([...refusals]).toEqual(["budget_exhausted"]);
  expect(await spawn(token, "fan")).toMatchObject({ error: expect.stringContaining("budget_exhausted") });
  expect(await spawn(token, "another")).toMatchObject({ token: expect.any(String) });
});

test("with at_soft: approval_needed the same prompt becomes a question before its quota is spent", async () => {
  const { callers } = await tenantWith("asking", "{ budget: prompt, actions: 50, soft: 80%, at_soft: approval_needed }");
  const answers = await Promise.all(Array.from({ length: 60 }, (_, at) => callers[at % replicas]!.pay(10, { promptId: "p" })));
  expect(answers.filter(isAllowed)).toHaveLength(40);
  expect(new Set(answers.filter((one) => !isAllowed(one)).flatMap(({ reasons }) => reasons.map(({ code }) => code)))).toEqual(
    new Set(["approval_required"]),
  );
});

test.runIf(long)(
  "with the budget service away, leases run out and then calls are told when to come back; afterwards nothing was spent twice",
  async () => {
    const { callers } = await tenantWith("away", "{ budget: prompt, actions: 300 }");
    const [caller] = callers as [Caller];
    let allowed = 0;
    const spend = async () => {
      const answer = await caller.pay(10, { promptId: "p" });
      if (isAllowed(answer)) allowed++;
      return answer;
    };
    await spend();
    await spend();
    await signal("budget", "SIGSTOP");
    let refused = await spend();
    try {
      for (let call = 0; isAllowed(refused) && call < 400; call++) refused = await spend();
    } finally {
      await signal("budget", "SIGCONT");
    }
    const whileAway = allowed;
    expect(isAllowed(refused)).toBe(false);
    expect(refused.reasons.map(({ code }) => code)).toEqual(["budget_exhausted"]);
    expect(Number(refused.retryAfter?.seconds)).toBeGreaterThan(0);
    expect(allowed).toBeLessThan(300);
    // A lease whose answer came too late goes back at once, or is taken back within the stated time.
    const spendAll = async () => {
      for (let call = 0; call < 20 && isAllowed(await spend()); call++);
      return allowed;
    };
    await expect.poll(spendAll, { timeout: 90_000, interval: 200 }).toBe(300);
    await spendAll();
    console.log(`${whileAway} of 300 spent from leases while the budget service was away, ${allowed} in all`);
    expect(allowed).toBe(300);
  },
);
