import { afterAll, beforeAll, expect, test } from "vitest";
import { type Caller, callAuthz, isAllowed } from "../src/caller.ts";
import { bareGovernance, barePayments } from "../src/documents.ts";
import { type Fabric, startFabric } from "../src/fabric.ts";
import { tenantOn } from "../src/tenant.ts";

const replicas = 3;
const quota = 200;
const total = 400;

const started = new AsyncDisposableStack();
let fabric: Fabric;
let callers: Caller[];

beforeAll(async () => {
  fabric = started.use(await startFabric("--replicas", `authz=${replicas}`));
  const tenant = tenantOn(fabric, "replicas");
  await tenant.publish(barePayments, bareGovernance);
  await tenant.register("finance-agent");
  const issued = await tenant.cli.json<{ access_token: string }>([
    ...["token", "issue", "--tenant", tenant.name],
    ...["--agent", "finance-agent"],
  ]);
  expect(fabric.endpoints.replicas.authz).toHaveLength(replicas);
  callers = fabric.endpoints.replicas.authz.map((replica) => started.use(callAuthz(replica.grpc, issued.access_token)));
});

afterAll(() => started.disposeAsync());

/** Which replica answers call number `call`. */
const routes: Readonly<Record<string, (call: number) => number>> = {
  "spread evenly": (call) => call % replicas,
  "150 to the first, then all to the second": (call) => (call < 150 ? 0 : 1),
  "all to the first until one is left, then moved": (call) => (call < quota - 1 ? 0 : 2),
  "moved every 20 calls": (call) => Math.floor(call / 20) % replicas,
  "moved every call after the first 180": (call) => (call < 180 ? 1 : call % replicas),
};

test.each(Object.keys(routes).flatMap((route) => [1, 40].map((atOnce) => ({ route, atOnce }))))(
  "a prompt's 200 actions over three replicas, $route, $atOnce at once: 200 of 400 pass",
  async ({ route, atOnce }) => {
    const replicaOf = routes[route]!;
    const promptId = `p-${Object.keys(routes).indexOf(route)}-${atOnce}`;
    let calls = 0;
    let firstRefusal: number | undefined;
    let allowed = 0;
    let slowest = 0;
    const refusals = new Set<string>();
    const lane = async () => {
      while (calls < total) {
        const call = calls++;
        const asked = performance.now();
        const answer = await callers[replicaOf(call)]!.pay(10, { promptId });
        slowest = Math.max(slowest, performance.now() - asked);
        if (isAllowed(answer)) allowed += 1;
        else {
          firstRefusal ??= call;
          for (const reason of answer.reasons) refusals.add(reason.code);
        }
      }
    };
    await Promise.all(Array.from({ length: atOnce }, lane));
    console.log(`${route}, ${atOnce} at once: ${allowed} allowed, first refusal at ${firstRefusal}, slowest ${slowest.toFixed(1)} ms`);
    expect(allowed).toBe(quota);
    expect([...refusals]).toEqual(["budget_exhausted"]);
    if (atOnce === 1) expect(firstRefusal, "no refusal before the quota is spent").toBe(quota);
  },
);
