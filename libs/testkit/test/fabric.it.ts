import { publishEvent } from "@aegis/bus/publish";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type TestBus, type TestDatabase, testBus, testDatabase } from "../src/fabric.ts";

describe("a test's own fabric", () => {
  const stack = new AsyncDisposableStack();
  let nats: TestBus;
  let first: TestDatabase;
  let second: TestDatabase;

  beforeAll(async () => {
    nats = stack.use(await testBus());
    [first, second] = await Promise.all([testDatabase("audit"), testDatabase("policy-compiler")]);
    stack.use(first);
    stack.use(second);
  });
  afterAll(() => stack.disposeAsync());

  test("has JetStream with all streams, and stores one event once", async () => {
    const event = { id: "0198c0de-0000-7000-8000-000000000001" };
    const subject = "aegis.policy.acme.published";
    expect(await publishEvent(nats.bus, subject, event)).toEqual({ duplicate: false, sequence: 1 });
    expect(await publishEvent(nats.bus, subject, event)).toEqual({ duplicate: true, sequence: 1 });
  });

  test("gives each caller a database of its own on one server", async () => {
    expect(new URL(first.url).host).toBe(new URL(second.url).host);
    expect(new URL(first.url).pathname).not.toBe(new URL(second.url).pathname);
    expect([first.schema, second.schema]).toEqual(["audit", "policy_compiler"]);
  });

  test("lets the runtime role make nothing, and the migrator make what its owner owns", async () => {
    await expect(query(first.url, "create table audit.x (a int)")).rejects.toThrow("permission denied");
    await expect(query(first.url, "create table public.x (a int)")).rejects.toThrow("permission denied");
    await expect(query(first.migrationUrl, "create table token.x (a int)")).rejects.toThrow("permission denied");
    await query(first.migrationUrl, "set role audit_owner; create table audit.x (a int)");
    await expect(query(first.url, "select * from audit.x")).rejects.toThrow("permission denied");
  });

  test("keeps one service out of another's schema", async () => {
    await expect(query(first.logins.services.token.url, "select * from audit.x")).rejects.toThrow("permission denied");
  });
});

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}
