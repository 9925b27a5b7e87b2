import { expect, test } from "vitest";
import { callAuthz, isAllowed } from "../src/caller.ts";
import { bareGovernance, barePayments } from "../src/documents.ts";
import { sharedTenant } from "../src/tenant.ts";

test.each([1, 50])("200 actions a prompt: call 201 is refused, %i at a time", async (atATime) => {
  const tenant = await sharedTenant("quota");
  await tenant.publish(barePayments, bareGovernance);
  await tenant.register("finance-agent");
  const { access_token: token } = await tenant.cli.json<{ access_token: string }>([
    "token",
    "issue",
    "--tenant",
    tenant.name,
    "--agent",
    "finance-agent",
  ]);
  using caller = callAuthz(tenant.fabric.endpoints.authz.grpc, token);
  await tenant.register("helper-agent", "--may-act", "finance-agent");
  const handOn = (promptId: string) => {
    const exchange = ["token", "exchange", "--tenant", tenant.name, "--agent", "helper-agent", "--subject-token", token];
    return tenant.cli.run(...exchange, "--prompt", promptId);
  };
  expect(await handOn("p-1"), "work may be handed on while something is left").toMatchObject({ code: 0 });
  const total = atATime === 1 ? 205 : 400;
  let allowed = 0;
  const refusals = new Set<string>();
  for (let done = 0; done < total; done += atATime) {
    const answers = await Promise.all(Array.from({ length: Math.min(atATime, total - done) }, () => caller.pay(10, { promptId: "p-1" })));
    for (const answer of answers) {
      if (isAllowed(answer)) allowed++;
      else for (const reason of answer.reasons) refusals.add(reason.code);
    }
  }
  expect(allowed).toBe(200);
  expect([...refusals]).toEqual(["budget_exhausted"]);
  expect(isAllowed(await caller.pay(10, { promptId: "p-2" })), "another prompt").toBe(true);
  expect(await handOn("p-1"), "a spent prompt gets no further agents").toMatchObject({
    code: 1,
    stderr: expect.stringContaining("budget_exhausted"),
  });
  expect(await handOn("p-2"), "another prompt does").toMatchObject({ code: 0 });
  await expect
    .poll(
      () =>
        tenant.cli.json<{ scope: string; unit: string; limit: number; remaining: number }[]>([
          "budget",
          "show",
          "--tenant",
          tenant.name,
          "--prompt",
          "p-1",
        ]),
      { timeout: 20_000 },
    )
    .toContainEqual(expect.objectContaining({ scope: "prompt/p-1", limit: 200, remaining: 0 }));
});
