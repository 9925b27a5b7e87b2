import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { readEndpoints } from "@aegis/contracts/endpoints";
import { until } from "@aegis/testkit/until";
import { afterAll, beforeAll, expect, test } from "vitest";
import { callAuthz } from "../src/caller.ts";
import { Ledger } from "../src/drills/ledger.ts";
import { Load } from "../src/drills/load.ts";
import { type Fabric, startFabric } from "../src/fabric.ts";
import { type Tenant, tenantOn } from "../src/tenant.ts";

const policy = (most: number) => `apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: payments }
spec:
  agents: [payer]
  tools:
    - name: stripe-payments
      actions:
        - name: create_payment
          parameters:
            amount: { type: number, max: ${most} }
            currency: { enum: [USD] }
            recipient: { type: string, matches: "^acct_[a-z]+$" }
`;

const started = new AsyncDisposableStack();
let fabric: Fabric;
let tenant: Tenant;
let token: string;

beforeAll(async () => {
  fabric = started.use(await startFabric("--workers", "2"));
  tenant = tenantOn(fabric, "workers");
  expect(await tenant.publish(policy(5000))).toMatchObject({ enforcedOn: 2, replicas: 2 });
  await tenant.register("payer");
  token = (await fabric.cli.json<{ access_token: string }>(["token", "issue", "--tenant", tenant.name, "--agent", "payer"])).access_token;
});
afterAll(() => started.disposeAsync());

/** The processes as they are now: after a restart another pid stands there. */
const processes = async () =>
  readEndpoints(JSON.parse(await readFile(join(fabric.dataDirectory, "endpoints.json"), "utf8")))?.replicas.authz ?? [];

/** Decisions that a process has made since it started. */
async function decided(http: string): Promise<number> {
  const text = await fetch(`${http}/metrics`).then((answer) => answer.text());
  return [...text.matchAll(/^aegis_decisions_total\{\S* (\d+)/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
}

test("both processes behind the port decide; kill -9 of one loses nothing, the other goes on, and the first comes back", async () => {
  const { grpc } = fabric.endpoints.authz;
  expect(new Set((await processes()).map((one) => one.grpc))).toEqual(new Set([grpc]));
  const loads = await Promise.all(Array.from({ length: 12 }, () => Load.start(grpc, async () => token, { workers: 2 })));
  const allowed = () => loads.flatMap((load) => load.allowed);
  const bothDecide = async () => {
    // Which process a connection goes to is the kernel's choice: fresh ones are made until both were chosen.
    await until(
      async () => {
        if ((await Promise.all((await processes()).map(({ http }) => decided(http).catch(() => 0)))).every((count) => count > 0))
          return true;
        for (const load of loads) load.reconnect();
        return false;
      },
      { what: "both processes decide", timeoutMs: 60_000, intervalMs: 500 },
    );
  };
  try {
    await bothDecide();
    const [victim] = await processes();
    process.kill(victim!.pid, "SIGKILL");
    const before = allowed().length;
    await until(() => allowed().length > before + 50, { what: "the other process goes on", timeoutMs: 30_000 });
    await until(async () => (await processes().catch(() => [victim!]))[0]?.pid !== victim!.pid, { what: "a restart", timeoutMs: 30_000 });
    await bothDecide();
  } finally {
    await Promise.all(loads.map((load) => load[Symbol.asyncDispose]()));
  }
  const ledger = new Ledger(fabric.endpoints.postgresSuperuser, tenant.name);
  expect(allowed().length).toBeGreaterThan(100);
  expect(await ledger.settled(allowed())).toBe(0);
  expect(await ledger.duplicates()).toBe(0);
});

test("a new revision and a revocation reach both processes", async () => {
  const connections = Array.from({ length: 12 }, () => callAuthz(fabric.endpoints.authz.grpc, token));
  const codes = async () =>
    new Set((await Promise.all(connections.map((one) => one.pay(3_000)))).flatMap(({ reasons }) => reasons.map(({ code }) => code)));
  try {
    expect(await codes()).toEqual(new Set());
    expect(await tenant.publish(policy(1000))).toMatchObject({ enforcedOn: 2, replicas: 2 });
    expect(await codes()).toEqual(new Set(["parameter_out_of_range"]));
    const revoked = await fabric.cli.json<{ confirmed: number }>(["agent", "revoke", "--tenant", tenant.name, "--agent", "payer"]);
    expect(revoked.confirmed).toBe(2);
    expect(await codes()).toEqual(new Set(["agent_revoked"]));
  } finally {
    for (const one of connections) one[Symbol.dispose]();
  }
});
