import type { OperatorAuth } from "@aegis/http/operator";
import type { HttpServer } from "@aegis/http/server";
import { presentChanges, summaryOf } from "@aegis/policy/present-changes";
import { z } from "zod";
import { parseIfMatch } from "#domain/precondition.ts";
import { compare } from "#usecases/compare.ts";
import type { Ports } from "#usecases/ports.ts";
import { planPromotion, promotePolicies } from "#usecases/promote.ts";
import { testPolicies } from "#usecases/validate.ts";
import { files, message, revisionView, tenantParams } from "./bodies.ts";
import { answerWith, authors, permitted, readers, reading, whole } from "./http.ts";

const number = z.coerce.number().int().min(0).max(2_147_483_647);
const comparison = z
  .strictObject({ files: files.optional(), from: number.optional(), to: whole.optional() })
  .refine(({ files: draft, to }) => draft === undefined || to === undefined, "give files or to, not both");
const policyName = z.string().min(1).max(200);

/** What a reviewer looks at before policies change: differences, tests, and what the end of shadow would mean. */
export function reviewRoutes(server: HttpServer, ports: Ports, who: OperatorAuth): void {
  const operator = permitted(who);
  const mayRead = reading(who);

  server.get(
    "/v1/tenants/:tenant/revisions::diff",
    { schema: { params: tenantParams, querystring: z.object({ from: number.optional(), to: whole.optional() }) } },
    async ({ params: { tenant }, query: { from, to }, headers }) => {
      await mayRead(headers.authorization, tenant, readers, "policies");
      return told(await compare(ports, { tenant, from, to }));
    },
  );

  server.post(
    "/v1/tenants/:tenant/revisions::diff",
    { schema: { params: tenantParams, body: comparison } },
    async ({ params: { tenant }, body, headers }) => {
      await mayRead(headers.authorization, tenant, readers, "policies");
      return told(await compare(ports, { tenant, ...body }));
    },
  );

  server.post(
    "/v1/tenants/:tenant/policies::test",
    { schema: { params: tenantParams, body: z.strictObject({ files }) } },
    async ({ params: { tenant }, body, headers }) => {
      await mayRead(headers.authorization, tenant, readers, "policies");
      return testPolicies(ports, tenant, body.files);
    },
  );

  const promotion = z.strictObject({ policies: z.array(policyName).min(1).max(1_000), message, dryRun: z.boolean().default(false) });
  server.post(
    "/v1/tenants/:tenant/policies::promote",
    { schema: { params: tenantParams, body: promotion } },
    async ({ params: { tenant }, body: { policies, message: why, dryRun }, headers }, reply) => {
      const { user: author } = await operator(headers.authorization, tenant, authors);
      const names = [...new Set(policies)];
      if (dryRun) return planPromotion(ports, { tenant, policies: names });
      const ifMatch = parseIfMatch(headers["if-match"]);
      return answerWith(reply, await promotePolicies(ports, { tenant, policies: names, message: why, author, ifMatch }));
    },
  );

  server.post(
    "/v1/tenants/:tenant/policies/:target",
    {
      schema: {
        params: tenantParams.extend({
          target: z
            .string()
            .max(220)
            .regex(/^.+:promote$/),
        }),
        body: z.strictObject({ message }).default({ message: "" }).nullable(),
        response: { 200: revisionView, 201: revisionView },
      },
    },
    async ({ params: { tenant, target }, body, headers }, reply) => {
      const { user: author } = await operator(headers.authorization, tenant, authors);
      const policies = [target.slice(0, -":promote".length)];
      const ifMatch = parseIfMatch(headers["if-match"]);
      return answerWith(reply, await promotePolicies(ports, { tenant, policies, message: body?.message ?? "", author, ifMatch }));
    },
  );
}

/** A comparison, also as people read it. */
function told(comparison: Awaited<ReturnType<typeof compare>>) {
  const { changes } = comparison;
  return { ...comparison, summary: changes.length === 0 ? "no change in any decision" : summaryOf(changes), text: presentChanges(changes) };
}
