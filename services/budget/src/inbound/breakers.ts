import { AegisError } from "@aegis/contracts/errors";
import { agentName, tenantName } from "@aegis/contracts/names";
import type { OperatorAuth } from "@aegis/http/operator";
import type { HttpServer } from "@aegis/http/server";
import { accounts } from "@aegis/policy/limits";
import { z } from "zod";
import { nameOfPrompt } from "#domain/scope.ts";
import type { Ports } from "#usecases/ports.ts";

const breaker = z.object({
  /** `agent/<agent>`, or `prompt/<id>`. */
  scope: z.string(),
  state: z.enum(["open", "half_open"]),
  cause: z.enum(["failures", "denied", "spend", "fan_out"]),
  since: z.iso.datetime(),
  /** Before this nothing goes ahead; afterwards one call at a time, as a probe. */
  until: z.iso.datetime(),
});

/** The routes of breakers: who is paused, and letting them go on. */
export function breakerRoutes(server: HttpServer, ports: Pick<Ports, "breakers" | "clock" | "signals">, operators: OperatorAuth): void {
  server.get(
    "/v1/breakers",
    { schema: { querystring: z.object({ tenant: tenantName }), response: { 200: z.array(breaker) } } },
    async ({ query: { tenant }, headers }) => {
      await (await operators.authenticate(headers.authorization)).read(tenant, "breakers", "admin", "finops", "auditor", "soc");
      return (await ports.breakers.list(tenant)).map(({ scope, breaker: { state, cause = "failures", since, until = since } }) => ({
        scope: scopeShown(scope),
        state: state === "half_open" ? ("half_open" as const) : ("open" as const),
        cause,
        since: new Date(since).toISOString(),
        until: new Date(until).toISOString(),
      }));
    },
  );

  server.post(
    "/v1/breakers/:nameAndCommand",
    {
      schema: {
        /** `<agent>:reset`, or `prompt/<id>:reset` with the slash encoded. */
        params: z.object({ nameAndCommand: z.string().max(300).endsWith(":reset") }),
        querystring: z.object({ tenant: tenantName }),
        /** `reset` is false when it was not open. */
        response: { 200: z.object({ scope: z.string(), reset: z.boolean() }) },
      },
    },
    async ({ params, query: { tenant }, headers }) => {
      const operator = await operators.authenticate(headers.authorization);
      operator.require(tenant, "admin", "soc");
      const scope = scopeOf(params.nameAndCommand.slice(0, -":reset".length));
      const answer = await ports.breakers.reset(tenant, scope, operator.user, ports.clock.now().getTime());
      if (answer.retryAfterMs !== undefined) {
        const seconds = Math.ceil(answer.retryAfterMs / 1000);
        throw new AegisError("resource_exhausted", `${scopeShown(scope)} changed too often within a minute: try again in ${seconds} s`);
      }
      if (answer.reset) ports.signals.breakerChanged(tenant, { scope, state: "closed", cause: undefined });
      return { scope: scopeShown(scope), reset: answer.reset };
    },
  );
}

function scopeOf(name: string): string {
  const prompt = /^prompt\/([^\0]{1,256})$/.exec(name)?.[1];
  if (prompt !== undefined) return accounts.prompt(prompt);
  const agent = agentName.safeParse(name);
  if (agent.success) return accounts.agent(agent.data);
  throw new AegisError("invalid_argument", "name: neither an agent nor prompt/<id>");
}

/** With a prompt's id as people know it. */
const scopeShown = (scope: string): string => {
  const prompt = nameOfPrompt(scope);
  return prompt === undefined ? scope : `prompt/${prompt}`;
};
