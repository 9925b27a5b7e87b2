import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { Outcome } from "@aegis/contracts/aegis/authz/v1/authz";
import { connect } from "@nats-io/transport-node";
import { expect, test, vi } from "vitest";
import { type Caller, callAuthz, isAllowed } from "../src/caller.ts";
import { bareGovernance, barePayments } from "../src/documents.ts";
import { sharedTenant, type Tenant } from "../src/tenant.ts";

async function looping(): Promise<{ tenant: Tenant; caller: Caller }> {
  const tenant = await sharedTenant("runaway");
  await tenant.publish(barePayments, bareGovernance.replace(/ {2}max_.*\n/g, ""));
  await tenant.register("finance-agent");
  await tenant.register("helper-agent", "--may-act", "finance-agent");
  const issued = await tenant.cli.json<{ access_token: string }>([
    ...["token", "issue", "--tenant", tenant.name],
    ...["--agent", "finance-agent"],
  ]);
  return { tenant, caller: callAuthz(tenant.fabric.endpoints.authz.grpc, issued.access_token) };
}

/** A channel of the tenant's: what it hears, each as its type and what was paused. */
async function channelOf(tenant: Tenant): Promise<{ heard: string[] } & AsyncDisposable> {
  const heard: string[] = [];
  const server = createServer(async (request, response) => {
    const { type, data } = JSON.parse(await text(request));
    heard.push(`${type} ${data.scope}`);
    response.writeHead(204).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const secrets = join(tenant.fabric.dataDirectory, "keys", "channel-secrets", tenant.name);
  await mkdir(secrets, { recursive: true });
  await writeFile(join(secrets, "hook"), `whsec_${Buffer.alloc(32, 7).toString("base64")}`);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  await tenant.cli.json([
    "approvals",
    "channel",
    "set",
    "ops",
    "--kind",
    "webhook",
    "--url",
    url,
    "--secret",
    "hook",
    "--tenant",
    tenant.name,
  ]);
  return { heard, [Symbol.asyncDispose]: async () => void server.close() };
}

const paused = ({ reasons }: { reasons: readonly { code: string }[] }) => reasons.some(({ code }) => code === "circuit_open");

/** Repeats a call until it is paused; how many calls were answered otherwise. */
async function loop(call: () => Promise<{ reasons: readonly { code: string }[] }>): Promise<number> {
  for (let calls = 0; calls < 500; calls++) if (paused(await call())) return calls;
  return 500;
}

test("an agent that loops on a refused call is paused within 20 calls, people are told once, and a person lets it go on", async () => {
  const { tenant, caller } = await looping();
  using _ = caller;
  await using channel = await channelOf(tenant);
  const told: { id: string; type: string }[] = [];
  const bus = await connect({ servers: tenant.fabric.endpoints.nats });
  bus.subscribe(`aegis.budget.${tenant.name}.*`, { callback: (_error, message) => void told.push(message.json()) });
  const calls = await loop(() => caller.pay(9_000));
  console.log(`denied in a loop: paused after ${calls} calls`);
  expect(calls).toBeLessThanOrEqual(20);
  const refused = await caller.pay(10);
  expect(paused(refused), "whatever it asks for").toBe(true);
  expect(Number(refused.retryAfter?.seconds)).toBeGreaterThan(0);
  const exchange = ["token", "exchange", "--tenant", tenant.name, "--agent", "helper-agent", "--subject-token", caller.token];
  expect(await tenant.cli.run(...exchange), "it hands no work on").toMatchObject({ code: 1 });
  const lines = await tenant.cli.json<{ scope: string; cause: string }[]>(["budget", "breakers", "--tenant", tenant.name]);
  expect(lines).toMatchObject([{ scope: "agent/finance-agent", state: "open", cause: "denied" }]);
  expect(await tenant.cli.json(["budget", "reset", "finance-agent", "--tenant", tenant.name])).toMatchObject({ reset: true });
  await vi.waitFor(async () => expect(isAllowed(await caller.pay(10))).toBe(true), { timeout: 10_000 });
  await vi.waitFor(() => expect(told.map(({ type }) => type)).toEqual(["dev.aegis.budget.tripped.v1", "dev.aegis.budget.reset.v1"]), {
    timeout: 10_000,
  });
  for (const { id } of told) {
    const audited = () => tenant.cli.json<unknown[]>(["audit", "query", "--tenant", tenant.name, "--id", id]);
    await vi.waitFor(async () => expect((await audited()).length).toBe(1), { timeout: 20_000, interval: 500 });
  }
  await vi.waitFor(() => expect(channel.heard).toEqual(["breaker.tripped agent/finance-agent"]), { timeout: 20_000 });
  await bus.close();
});

test("an agent whose calls fail one after the other is paused within 20 calls", async () => {
  const { caller } = await looping();
  using _ = caller;
  const calls = await loop(async () => {
    const answer = await caller.pay(10);
    if (isAllowed(answer))
      await caller.client.reportOutcome({ agentToken: caller.token, decisionId: answer.decisionId, outcome: Outcome.FAILED });
    return answer;
  });
  console.log(`failing in a loop: paused after ${calls} calls`);
  expect(calls).toBeLessThanOrEqual(20);
});
