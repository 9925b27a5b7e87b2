import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Decision } from "@aegis/contracts/aegis/authz/v1/authz";
import { type DecisionEvent, decisionEvent } from "@aegis/contracts/decision-event";
import { hints } from "@aegis/contracts/subjects";
import { until } from "@aegis/testkit/until";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startWorld, type World } from "./replica.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld();
  await world.start();
  await world.ready();
  await world.enforce("agent: finance-agent\nallowed_tools:\n- name: stripe-payments\n  actions:\n  - create_payment\n");
});
afterAll(async () => world?.[Symbol.asyncDispose]());

/** Runs the drain; resolves to its exit status. */
async function drain(): Promise<number> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "../src/drain.ts")], {
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      ...process.env,
      AEGIS_DRAIN_INSTANCE: "authz-0",
      AEGIS_DRAIN_NATS_URL: world.fabric.url,
      AEGIS_DRAIN_SPOOL_DIRECTORY: join(world.environment.DATA_DIRECTORY, "spool"),
      AEGIS_DRAIN_TIMEOUT_SECONDS: "20",
      AEGIS_DRAIN_LOG_LEVEL: "silent",
    },
  });
  const [code] = await once(child, "exit");
  return code;
}

test("the spool of a replica that is gone is sent, kept until the ledger has it, and then empty; that of a living one is left alone", async () => {
  const agentToken = await world.token();
  await world.fabric.kill();
  const allowed: string[] = [];
  for (let count = 0; count < 20; count++) {
    const answer = await world.check({ agentToken });
    expect(answer.decision).toBe(Decision.ALLOW);
    allowed.push(answer.decisionId);
  }
  expect(await drain(), "while the replica runs").toBe(1);
  await world.stop("SIGKILL");
  await world.fabric.start();

  const arrived = new Map<string, DecisionEvent>();
  // What is sent before this connection is back and has subscribed is not heard here.
  await until(() => world.fabric.bus.connected());
  const { connection } = world.fabric.bus;
  const subscription = connection.subscribe("aegis.decision.>", {
    callback: (_, message) => {
      const event = decisionEvent.parse(message.json());
      arrived.set(event.id, event);
    },
  });
  await connection.flush();
  // The ledger's part: again and again it says up to where it has an epoch, once all of that has arrived.
  const announcing = setInterval(() => {
    const [last] = [...arrived.values()].sort((a, b) => b.data.producer.sequence - a.data.producer.sequence);
    if (last === undefined || !allowed.every((id) => arrived.has(id))) return;
    const { id, epoch, sequence } = last.data.producer;
    connection.publish(hints.watermark(id), JSON.stringify({ producer: id, epoch, sequence, highest: sequence, missing: [] }));
  }, 200);
  expect(await drain().finally(() => clearInterval(announcing))).toBe(0);
  subscription.unsubscribe();
  expect(allowed.filter((id) => !arrived.has(id))).toEqual([]);
  // What the drain itself opened holds nothing.
  expect(readdirSync(join(world.environment.DATA_DIRECTORY, "spool")).length).toBeLessThanOrEqual(1);
});
