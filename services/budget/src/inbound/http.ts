import { agentName, tenantName } from "@aegis/contracts/names";
import type { OperatorRole } from "@aegis/contracts/operator";
import type { OperatorAuth } from "@aegis/http/operator";
import type { HttpServer } from "@aegis/http/server";
import { z } from "zod";
import type { Ports } from "#usecases/ports.ts";
import { setLimit } from "#usecases/set-limit.ts";
import { type BudgetLine, show } from "#usecases/show.ts";
import { check, scopeName, text, unitName, windowName } from "./requests.ts";

export const readers: OperatorRole[] = ["admin", "finops", "auditor", "soc"];

export const line = z.object({
  scope: z.string(),
  unit: unitName,
  window: windowName,
  windowStart: z.iso.datetime(),
  /** Absent for a window that does not end. */
  windowEnd: z.iso.datetime().optional(),
  limit: z.int(),
  reserved: z.int(),
  settled: z.int(),
  remaining: z.int(),
});

/** The routes of budgets and spending. */
export function budgetRoutes(server: HttpServer, ports: Ports, operators: OperatorAuth): void {
  server.get(
    "/v1/budgets",
    {
      schema: {
        querystring: z.object({ tenant: tenantName, agent: agentName.optional(), prompt: text.optional() }),
        response: { 200: z.array(line) },
      },
    },
    async ({ query, headers }) => {
      await (await operators.authenticate(headers.authorization)).read(query.tenant, "budgets", ...readers);
      return (await show(ports, query.tenant, { agent: query.agent, promptId: query.prompt })).map(lineOf);
    },
  );

  server.put(
    "/v1/budgets/*",
    {
      schema: {
        params: z.object({ "*": z.string() }),
        querystring: z.object({ tenant: tenantName }),
        body: z.strictObject({
          unit: unitName,
          window: windowName,
          /** Whole units; null lifts the limit set here, not those of policies. */
          limit: z.int().min(0).nullable(),
        }),
        response: { 200: z.array(line) },
      },
    },
    async ({ params, query: { tenant }, body, headers }) => {
      const operator = await operators.authenticate(headers.authorization);
      operator.require(tenant, "admin", "finops");
      const scope = check(scopeName, params["*"], "scope");
      const { unit, window, limit } = body;
      await setLimit(ports, { tenant, scope, unit, window }, limit ?? undefined, operator.user);
      const lines = await show(ports, tenant, {});
      return lines.filter((one) => one.scope === scope && one.unit === unit && one.window === window).map(lineOf);
    },
  );
}

/** A line as the API shows it. */
export const lineOf = ({ windowStart, windowEnd, ...rest }: BudgetLine): z.infer<typeof line> => ({
  ...rest,
  windowStart: new Date(windowStart).toISOString(),
  ...(windowEnd === undefined ? {} : { windowEnd: new Date(windowEnd).toISOString() }),
});
