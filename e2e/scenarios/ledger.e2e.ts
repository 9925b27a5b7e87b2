import { decisionEvent } from "@aegis/contracts/decision-event";
import { connect } from "@nats-io/transport-node";
import pg from "pg";
import { expect, test } from "vitest";
import { callAuthz } from "../src/caller.ts";
import { payments } from "../src/documents.ts";
import { startFabric } from "../src/fabric.ts";
import { tenantOn } from "../src/tenant.ts";

interface Verified {
  readonly ok: boolean;
  readonly entries: number;
  readonly faults: readonly { readonly tenant: string; readonly sequence: number; readonly kind: string }[];
}

test("one event per check, the same ids in the ledger, and an edit by a superuser is found and named", async () => {
  await using fabric = await startFabric();
  const tenant = tenantOn(fabric, "ledger");
  await tenant.publish(payments);
  await tenant.register("finance-agent");
  const nats = await connect({ servers: fabric.endpoints.nats });
  const subscription = nats.subscribe(`aegis.decision.${tenant.name}.>`);
  const heard: string[] = [];
  const listening = (async () => {
    for await (const message of subscription) {
      const event = decisionEvent.parse(message.json());
      expect(message.subject).toBe(`aegis.decision.${tenant.name}.finance-agent.${event.data.decision}`);
      expect(message.headers?.get("Nats-Msg-Id")).toBe(event.id);
      heard.push(event.id);
    }
  })();
  await nats.flush();

  const { access_token: token } = await tenant.cli.json<{ access_token: string }>([
    "token",
    "issue",
    "--tenant",
    tenant.name,
    "--agent",
    "finance-agent",
  ]);
  using caller = callAuthz(fabric.endpoints.authz.grpc, token);
  const answered = (await Promise.all(Array.from({ length: 60 }, (_, index) => caller.pay(index * 200))))
    .map((answer) => answer.decisionId)
    .sort();
  expect(new Set(answered).size).toBe(60);

  await expect.poll(() => heard.toSorted(), { timeout: 20_000 }).toEqual(answered);
  const ledgered = () =>
    tenant.cli
      .json<{ id: string }[]>(["audit", "query", "--tenant", tenant.name, "--limit", "500"])
      .then((entries) => entries.map((entry) => entry.id).sort());
  await expect.poll(ledgered, { timeout: 20_000 }).toEqual(answered);
  await nats.drain();
  await listening;

  const verify = async () => {
    const run = await tenant.cli.run("audit", "verify", "--tenant", tenant.name, "--json");
    return { code: run.code, ...(JSON.parse(run.stdout) as Verified) };
  };
  await expect.poll(verify, { timeout: 20_000 }).toMatchObject({ code: 0, ok: true, faults: [] });

  // Each entry of an authz process is one that its key signed, within a second of being said.
  const whole = () => tenant.cli.run("audit", "verify", "--json").then((run) => JSON.parse(run.stdout) as Verified);
  await expect.poll(whole, { timeout: 20_000 }).toMatchObject({ ok: true, unsigned: 0, faults: [] });

  const superuser = new pg.Client({ connectionString: fabric.endpoints.postgresSuperuser });
  await superuser.connect();
  const { rows } = await superuser.query<{ sequence: string }>(
    "select sequence from audit.entries where tenant = $1 and kind = 'decision' order by sequence offset 20 limit 1",
    [tenant.name],
  );
  const sequence = Number(rows[0]?.sequence);
  await superuser.query("alter table audit.entries disable trigger all");
  await superuser.query("update audit.entries set action = 'something_else' where tenant = $1 and sequence = $2", [tenant.name, sequence]);
  await superuser.end();

  const found = await verify();
  expect([found.code, found.ok]).toEqual([5, false]);
  expect(found.faults[0]).toMatchObject({ tenant: tenant.name, sequence });
});
