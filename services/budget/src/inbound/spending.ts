import { money } from "@aegis/contracts/decision-event";
import { agentName, tenantName } from "@aegis/contracts/names";
import type { OperatorAuth } from "@aegis/http/operator";
import type { HttpServer } from "@aegis/http/server";
import { unitOfCurrency } from "@aegis/policy/money";
import { z } from "zod";
import { forecast } from "#domain/forecast.ts";
import { timeZoneOf } from "#domain/target.ts";
import { allocate } from "#usecases/allocate.ts";
import { type Ports, spendKeys, spendSteps } from "#usecases/ports.ts";
import { reportUsage } from "#usecases/report-usage.ts";
import { show } from "#usecases/show.ts";
import { line, lineOf, readers } from "./http.ts";
import { text } from "./requests.ts";

const dayMs = 86_400_000;
const amounts = {
  microUsd: z.number(),
  tokens: z.number(),
  actions: z.int(),
  /** What of `microUsd` was spent in other currencies, in millionths of their units. */
  currencies: z.record(z.string(), z.number()).optional(),
};
const some = z.int().min(0).max(Number.MAX_SAFE_INTEGER).default(0);
const writers = ["admin", "finops"] as const;

/** The routes of what was spent and will be: reports, forecasts, prompts' quotas, and usage from elsewhere. */
export function spendingRoutes(server: HttpServer, ports: Ports, operators: OperatorAuth): void {
  server.get(
    "/v1/spend",
    {
      schema: {
        querystring: z.object({
          tenant: tenantName,
          by: z.enum(spendKeys),
          /** Whole days back from now. */
          days: z.coerce.number().int().min(1).max(400).default(1),
          /** Over time, by the tenant's clock. Absent: all of it together. */
          per: z.enum(spendSteps).optional(),
        }),
        response: { 200: z.array(z.object({ key: z.string(), ...amounts, from: z.iso.datetime().optional() })) },
      },
    },
    async ({ query: { tenant, by, days, per }, headers }) => {
      await (await operators.authenticate(headers.authorization)).read(tenant, "spending", ...readers);
      const since = ports.clock.now().getTime() - days * dayMs;
      if (per === undefined) return [...(await ports.spending.report(tenant, by, since))];
      const content = ports.policies.find(tenant);
      const timeZone = content === undefined ? "UTC" : timeZoneOf(content);
      const rows = await ports.spending.series(tenant, by, since, { per, timeZone });
      return rows.map((row) => ({ ...row, from: new Date(row.from).toISOString() }));
    },
  );

  server.get(
    "/v1/forecast",
    {
      schema: {
        querystring: z.object({ tenant: tenantName, agent: agentName.optional() }),
        /** `projected`: spent by the end of the window at the pace so far; absent too early in it. */
        response: { 200: z.array(line.extend({ projected: z.number().optional(), exhaustedAt: z.iso.datetime().optional() })) },
      },
    },
    async ({ query: { tenant, agent }, headers }) => {
      await (await operators.authenticate(headers.authorization)).read(tenant, "spending", ...readers);
      const now = ports.clock.now().getTime();
      const lines = (await show(ports, tenant, { agent })).filter(({ windowEnd }) => windowEnd !== undefined);
      return lines.map((one) => {
        const { projected, exhaustedAt } = forecast(one, now) ?? {};
        return {
          ...lineOf(one),
          ...(projected !== undefined && { projected }),
          ...(exhaustedAt !== undefined && { exhaustedAt: new Date(exhaustedAt).toISOString() }),
        };
      });
    },
  );

  server.post(
    "/v1/prompts",
    {
      schema: {
        querystring: z.object({ tenant: tenantName }),
        body: z.strictObject({
          prompt: text.min(1),
          /** Whose own share of the prompt counts, too. */
          agent: agentName.optional(),
          microUsd: z.int().min(0).optional(),
          money: money.optional(),
          tokens: z.int().min(0).optional(),
          actions: z.int().min(0).optional(),
        }),
        response: {
          200: z.object({
            prompt: z.string(),
            allocations: z.array(z.object({ unit: z.string(), asked: z.int(), allocated: z.int() })),
            available: z.array(line),
          }),
        },
      },
    },
    async ({ query: { tenant }, body, headers }) => {
      const operator = await operators.authenticate(headers.authorization);
      operator.require(tenant, ...writers);
      const { prompt, agent, microUsd, money, tokens, actions } = body;
      const asked = (
        [
          ["micro_usd", microUsd],
          [money === undefined ? "micro_usd" : unitOfCurrency(money.currency), money?.micro],
          ["tokens", tokens],
          ["actions", actions],
        ] as const
      ).flatMap(([unit, units]) => (units === undefined ? [] : [{ unit, units }]));
      const { allocations, available } = await allocate(ports, { tenant, promptId: prompt, agent, by: operator.user }, asked);
      return { prompt, allocations: [...allocations], available: available.map(lineOf) };
    },
  );

  server.get(
    "/v1/prompts/:prompt/spend",
    {
      schema: {
        params: z.object({ prompt: text.min(1) }),
        querystring: z.object({ tenant: tenantName }),
        /** One entry for each agent as it was reached: `chain` begins with the first agent. */
        response: { 200: z.array(z.object({ chain: z.array(z.string()), ...amounts })) },
      },
    },
    async ({ params: { prompt }, query: { tenant }, headers }) => {
      await (await operators.authenticate(headers.authorization)).read(tenant, "spending", ...readers);
      return (await ports.spending.tree(tenant, prompt)).map((one) => ({ ...one, chain: [...one.chain] }));
    },
  );

  server.post(
    "/v1/usage",
    {
      schema: {
        querystring: z.object({ tenant: tenantName }),
        /** Model usage of an agent that has happened; `id` makes it count once. */
        body: z.strictObject({
          id: text.min(1),
          agent: agentName,
          prompt: text.optional(),
          session: text.optional(),
          tokens: some,
          microUsd: some,
          /** Instead of `microUsd`: another currency, which counts by the rate that governance declares. */
          money: money.optional(),
        }),
        response: { 200: z.object({ recorded: z.boolean() }) },
      },
    },
    async ({ query: { tenant }, body, headers }) => {
      (await operators.authenticate(headers.authorization)).require(tenant, ...writers);
      const { id, agent, prompt: promptId, session: sessionId, ...spent } = body;
      return { recorded: await reportUsage(ports, { id, tenant, agent, promptId, sessionId, ...spent }) };
    },
  );
}
