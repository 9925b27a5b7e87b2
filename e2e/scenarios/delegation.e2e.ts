import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeJwt } from "jose";
import { expect, test } from "vitest";
import { payments } from "../src/documents.ts";
import { codes, sharedTenant } from "../src/tenant.ts";

test("a delegated token can do less than its parent, never more", async () => {
  const tenant = await sharedTenant("delegate");
  await tenant.publish(
    payments,
    payments.replaceAll("finance", "helper").replace("metadata: { name: helper }", "metadata: { name: helper }"),
  );
  const register = (agent: string, scope: string[], ...more: string[]) =>
    tenant.cli.json([
      "agent",
      "register",
      "--tenant",
      tenant.name,
      "--agent",
      agent,
      "--owner",
      "olivia@acme.test",
      ...scope.flatMap((item) => ["--scope", item]),
      ...more,
    ]);
  await register("finance-agent", ["stripe-payments:create_payment", "stripe-payments:refund"]);
  await register("helper-agent", ["stripe-payments:create_payment", "mail:send"], "--may-act", "finance-agent");
  await register("stranger-agent", ["stripe-payments:create_payment"]);
  const issue = (...more: string[]) =>
    tenant.cli.json<{ access_token: string; expires_in: number; scope: string }>([
      "token",
      "issue",
      "--tenant",
      tenant.name,
      "--agent",
      "finance-agent",
      ...more,
    ]);
  const exchange = (subject: string, agent: string, scope: string) =>
    tenant.cli.run("token", "exchange", "--tenant", tenant.name, "--subject-token", subject, "--agent", agent, "--scope", scope, "--json");

  const parent = await issue("--prompt", "p-9");
  const child = await exchange(parent.access_token, "helper-agent", "stripe-payments:create_payment");
  expect(child.code).toBe(0);
  const narrowed = JSON.parse(child.stdout) as { access_token: string; expires_in: number; scope: string };
  const claims = decodeJwt(narrowed.access_token);
  expect(claims).toMatchObject({
    client_id: "helper-agent",
    sub: "finance-agent",
    depth: 1,
    prompt_id: "p-9",
    scope: "stripe-payments:create_payment",
    act: { sub: "helper-agent" },
  });
  expect(narrowed.expires_in).toBeLessThanOrEqual(300);
  expect(claims.exp).toBeLessThanOrEqual(decodeJwt(parent.access_token).exp ?? 0);

  expect((await exchange(parent.access_token, "helper-agent", "mail:send")).code, "beyond the parent").toBe(1);
  expect((await exchange(parent.access_token, "helper-agent", "stripe-payments:refund")).code, "beyond the child's registration").toBe(1);
  expect((await exchange(parent.access_token, "helper-agent", "tool:*")).code, "everything").toBe(1);
  expect((await exchange(parent.access_token, "stranger-agent", "stripe-payments:create_payment")).code, "a parent it does not name").toBe(
    1,
  );

  const ask = (action: string, token: string) =>
    tenant.check({
      agent: "helper-agent",
      tool: "stripe-payments",
      action,
      args: { amount: 5, currency: "USD", recipient: "acct_ink" },
      more: ["--token", token],
    });
  expect(await ask("create_payment", narrowed.access_token)).toMatchObject({ decision: "allow" });
  const beyond = await ask("refund", narrowed.access_token);
  expect(beyond.decision).toBe("deny");
  expect(codes(beyond)).toContain("scope_missing");

  // Within that scope, the parent's token may be good for small payments only; its child's is good for no larger ones.
  const upTo = (max: number) =>
    JSON.stringify([
      {
        type: "aegis_tool_call",
        identifier: "stripe-payments",
        parameters: { amount: { max }, currency: { enum: ["USD"] }, recipient: {} },
      },
    ]);
  const small = await issue("--authorization-details", upTo(50));
  const file = join(await mkdtemp(join(tmpdir(), "details-")), "details.json");
  await writeFile(file, upTo(5));
  const delegate = (details: string) =>
    tenant.cli.run(
      ...["token", "exchange", "--tenant", tenant.name, "--subject-token", small.access_token, "--agent", "helper-agent"],
      ...["--authorization-details", details, "--json"],
    );
  const smaller = JSON.parse((await delegate(file)).stdout) as { access_token: string; authorization_details: unknown };
  expect(smaller.authorization_details).toEqual(JSON.parse(upTo(5)));
  const wider = await delegate(upTo(51));
  expect([wider.code, wider.stderr]).toEqual([1, expect.stringContaining("not within the subject token's")]);
  expect(await ask("create_payment", smaller.access_token)).toMatchObject({ decision: "allow" });
  const pay = (token: string, agent: string) =>
    tenant.check({
      ...{ agent, tool: "stripe-payments", action: "create_payment" },
      args: { amount: 6, currency: "USD", recipient: "acct_ink" },
      more: ["--token", token],
    });
  expect(await pay(small.access_token, "finance-agent")).toMatchObject({ decision: "allow" });
  expect(await pay(smaller.access_token, "helper-agent")).toMatchObject({
    decision: "deny",
    reasons: [{ code: "authorization_details_exceeded", pointer: "/amount" }],
  });

  // A subtree is revoked by its root: the child goes with its parent's token, another token of the parent lives on.
  const other = await issue();
  const delegations = await tenant.cli.json<{ tokenId: string; chain: string[] }[]>([
    "agent",
    "delegations",
    "finance-agent",
    "--tenant",
    tenant.name,
  ]);
  expect(delegations.find(({ tokenId }) => tokenId === claims.jti)).toMatchObject({ chain: ["helper-agent", "finance-agent"] });
  const parentId = decodeJwt(parent.access_token).jti ?? "";
  expect(await tenant.cli.json(["token", "revoke", parentId, "--tenant", tenant.name])).toEqual({ revoked: 2 });
  await expect.poll(async () => codes(await ask("create_payment", narrowed.access_token)), { timeout: 20_000 }).toEqual(["agent_revoked"]);
  const lives = { agent: "finance-agent", tool: "stripe-payments", action: "create_payment", more: ["--token", other.access_token] };
  expect(await tenant.check({ ...lives, args: { amount: 5, currency: "USD", recipient: "acct_ink" } })).toMatchObject({
    decision: "allow",
  });
});
