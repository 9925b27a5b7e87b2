import { generateKeyPairSync } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { payments } from "../src/documents.ts";
import { opa, type PollingOpa, startOpa } from "../src/opa.ts";
import { publisherOf } from "../src/publisher.ts";
import { sharedTenant, type Tenant } from "../src/tenant.ts";

interface Status {
  readonly head: { readonly revision: number };
  readonly replicas: readonly { readonly replica: string; readonly revision: number; readonly enforced: boolean }[];
  readonly opas: readonly {
    readonly instance: string;
    readonly revision: number | null;
    readonly current: boolean;
    readonly error?: string;
  }[];
  readonly opaDecisions: Readonly<Record<string, number>>;
}

const upTo = (max: number) => payments.replace("max: 5000, beyond: approval_needed", `max: ${max}`);
const call = (tenant: string, amount: number) => ({
  principal: {
    tenant,
    agent: "finance-agent",
    subject: "finance-agent",
    chain: ["finance-agent"],
    depth: 0,
    scope: ["stripe-payments:*"],
    issuedAt: 0,
  },
  tool: "stripe-payments",
  action: "create_payment",
  arguments: { amount, currency: "USD", recipient: "acct_secret1" },
  context: {},
  now: Date.now(),
  findings: [],
});

describe.skipIf(opa === undefined)("an unmodified OPA that follows a tenant (set AEGIS_OPA, or put opa on PATH or in .aegis/tools)", () => {
  let tenant: Tenant;
  let server: PollingOpa;
  const status = () => tenant.cli.json<Status>(["policy", "status", "--tenant", tenant.name]);

  beforeAll(async () => {
    tenant = await sharedTenant("opa");
    await tenant.publish(upTo(1_000));
    server = await startOpa(tenant.fabric, tenant.name);
    await vi.waitUntil(async () => (await server.revision()) === 1, { timeout: 30_000 });
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  test("has each new revision moments after it is published", async () => {
    const publisher = await publisherOf(tenant);
    const took: number[] = [];
    for (let revision = 2; revision <= 11; revision++) {
      const asked = performance.now();
      const publishing = publisher.publish(upTo(revision * 1_000));
      await expect.poll(server.revision, { timeout: 30_000, interval: 2 }).toBe(revision);
      took.push(performance.now() - asked);
      await publishing;
      expect((await server.decide(call(tenant.name, revision * 1_000)))?.decision).toBe("allow");
      expect((await server.decide(call(tenant.name, revision * 1_000 + 1)))?.decision).toBe("deny");
    }
    console.log(`opa has a revision ${took.map((ms) => ms.toFixed(0)).join(", ")} ms after it was sent to be published`);
  });

  test("is shown with its active revision, and its decisions are counted, without their arguments", async () => {
    const before = (await status()).opaDecisions;
    for (let count = 0; count < 3; count++) await server.decide(call(tenant.name, 1_000_000));
    const more = async () => ((await status()).opaDecisions.deny ?? 0) - (before.deny ?? 0);
    await expect.poll(more, { timeout: 30_000 }).toBeGreaterThanOrEqual(3);
    await expect.poll(async () => (await status()).opas.some(({ current }) => current), { timeout: 30_000 }).toBe(true);
    const shown = await status();
    expect(shown.opas).toEqual([expect.objectContaining({ revision: shown.head.revision, current: true })]);
    expect(shown.replicas.every(({ enforced }) => enforced)).toBe(true);
    const people = await tenant.cli.run("policy", "status", "--tenant", tenant.name);
    expect(people.stdout).toMatch(/OPA \(as it says itself\)/);
    expect(people.stdout).toMatch(/\d+ deny/);
  });

  test("that trusts another key takes nothing, and says so", async () => {
    const publicJwk = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "jwk" });
    const [key] = JSON.parse(await readFile(join(tenant.fabric.dataDirectory, "keys", "bundle-keys.json"), "utf8")).keys;
    await using stranger = await startOpa(tenant.fabric, tenant.name, { keys: { keys: [{ ...publicJwk, kid: key.kid }] } });
    const error = async () => (await status()).opas.find((one) => one.error !== undefined)?.error;
    await expect.poll(error, { timeout: 30_000 }).toMatch(/verif|signature/i);
    expect(await stranger.revision()).toBeUndefined();
  });
});
