import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { callAuthz, isAllowed } from "../src/caller.ts";
import { payments } from "../src/documents.ts";
import { startFabric } from "../src/fabric.ts";
import { tenantOn } from "../src/tenant.ts";

interface Status {
  readonly processes: readonly { readonly name: string; readonly pid: number }[];
}

function pidOf(status: Status, name: string): number {
  const found = status.processes.find((one) => one.name === name);
  if (found === undefined) throw new Error(`status names no process ${name}`);
  return found.pid;
}

test("kill -9 of authz, audit and nats-server during 2,000 calls: every allow a client received is ledgered exactly once", async () => {
  await using fabric = await startFabric();
  const tenant = tenantOn(fabric, "kill");
  await tenant.publish(payments);
  await tenant.register("finance-agent");
  const { access_token: token } = await tenant.cli.json<{ access_token: string }>([
    "token",
    "issue",
    "--tenant",
    tenant.name,
    "--agent",
    "finance-agent",
  ]);
  using caller = callAuthz(fabric.endpoints.authz.grpc, token);

  const allowed: string[] = [];
  let failed = 0;
  let answeredWithoutNats = 0;
  let natsDownUntil = 0;
  let answered = 0;
  const worker = async () => {
    // A call that fails while authz is away is asked anew: how long it stays away is the machine's business, not this drill's.
    while (answered < 2_000) {
      try {
        const answer = await caller.pay(10, { deadlineMs: 5_000 });
        answered++;
        if (isAllowed(answer)) allowed.push(answer.decisionId);
        if (performance.now() < natsDownUntil) answeredWithoutNats++;
      } catch {
        failed++;
        await pause(20);
      }
      await pause(5);
    }
  };
  const load = Promise.all(Array.from({ length: 8 }, worker));
  const kill = async (name: string) => process.kill(pidOf(await tenant.cli.json<Status>(["status"], "any"), name), "SIGKILL");

  await expect.poll(() => answered, { timeout: 60_000 }).toBeGreaterThan(300);
  await kill("audit");
  await expect.poll(() => answered, { timeout: 60_000 }).toBeGreaterThan(700);
  await kill("nats");
  natsDownUntil = performance.now() + 300;
  await expect.poll(() => answered, { timeout: 60_000 }).toBeGreaterThan(1_200);
  await kill("authz-0");
  await load;

  console.log(`allowed ${allowed.length}, failed while authz was away ${failed}, answered while NATS was away ${answeredWithoutNats}`);
  expect(answeredWithoutNats).toBeGreaterThan(0);
  expect(allowed.length).toBeGreaterThan(1_500);

  const ledgered = async () =>
    (await tenant.cli.json<{ id: string }[]>(["audit", "query", "--tenant", tenant.name])).map((entry) => entry.id);
  const missing = async () => {
    const present = new Set(await ledgered());
    return allowed.filter((id) => !present.has(id)).length;
  };
  await expect.poll(missing, { timeout: 60_000, interval: 1_000 }).toBe(0);
  const all = await ledgered();
  expect(all.length - new Set(all).size, "duplicates").toBe(0);
  await expect
    .poll(() => tenant.cli.run("audit", "verify", "--json").then((run) => run.code), { timeout: 60_000, interval: 1_000 })
    .toBe(0);
});
