import { AegisError } from "@aegis/contracts/errors";
import { digest } from "@aegis/contracts/names";
import type { OperatorRole } from "@aegis/contracts/operator";
import type { Operator, OperatorAuth } from "@aegis/http/operator";
import type { HttpServer } from "@aegis/http/server";
import { compile } from "@aegis/policy/compile";
import { z } from "zod";
import { parseIfMatch } from "#domain/precondition.ts";
import { approve } from "#usecases/approve.ts";
import type { Ports } from "#usecases/ports.ts";
import { type PublishOutcome, publish } from "#usecases/publish.ts";
import { rollBack } from "#usecases/roll-back.ts";
import { compileOrRefuse } from "#usecases/validate.ts";
import { fault, files, message, revisionView, tenantParams, viewOf } from "./bodies.ts";

export const authors: readonly OperatorRole[] = ["policy-author", "admin"];
const approvers: readonly OperatorRole[] = ["policy-approver", "admin"];
export const readers: readonly OperatorRole[] = [...authors, "policy-approver", "approver", "auditor", "soc", "finops"];

const wholeTarget = z.string().regex(/^[1-9]\d{0,8}:(rollback|approve)$/);

export const whole = z.coerce.number().int().min(1).max(2_147_483_647);

/** Finds out who calls, and that they hold one of the roles in the tenant. @throws AegisError `unauthenticated`, `permission_denied`. */
export const permitted =
  (who: OperatorAuth) =>
  async (authorization: string | undefined, tenant: string, roles: readonly OperatorRole[]): Promise<Operator> => {
    const found = await who.authenticate(authorization);
    found.require(tenant, ...roles);
    return found;
  };

/** The same for who only reads `what`: an org-auditor, too, of which there is an event then. */
export const reading =
  (who: OperatorAuth) =>
  async (authorization: string | undefined, tenant: string, roles: readonly OperatorRole[], what: string): Promise<void> =>
    (await who.authenticate(authorization)).read(tenant, what, ...roles);

/** The routes under /v1. */
export function policyRoutes(server: HttpServer, ports: Ports, who: OperatorAuth): void {
  const operator = permitted(who);
  const mayRead = reading(who);

  server.post(
    "/v1/tenants/:tenant/policies::validate",
    {
      schema: {
        params: tenantParams,
        body: z.strictObject({ files }),
        response: { 200: z.object({ ok: z.boolean(), faults: z.array(fault), warnings: z.array(fault) }) },
      },
    },
    async ({ params: { tenant }, body, headers }) => {
      await mayRead(headers.authorization, tenant, readers, "policies");
      const result = compile(body.files, { tenant });
      return { ok: result.ok, faults: result.ok ? [] : [...result.faults], warnings: [...result.warnings] };
    },
  );

  server.post(
    "/v1/tenants/:tenant/policies::compile",
    { schema: { params: tenantParams, body: z.strictObject({ files }) } },
    async ({ params: { tenant }, body, headers }) => {
      await mayRead(headers.authorization, tenant, readers, "policies");
      return { ok: true, policies: compileOrRefuse(ports, tenant, body.files).policies };
    },
  );

  server.post(
    "/v1/tenants/:tenant/revisions",
    {
      schema: {
        params: tenantParams,
        body: z.strictObject({ files, message, barrier: z.boolean().optional() }),
        response: { 200: revisionView, 201: revisionView },
      },
    },
    async ({ params: { tenant }, body, headers }, reply) => {
      const { user: author } = await operator(headers.authorization, tenant, authors);
      const ifMatch = parseIfMatch(headers["if-match"]);
      const request = { tenant, files: body.files, message: body.message, author, ifMatch, barrier: body.barrier };
      return answerWith(reply, await publish(ports, request));
    },
  );

  server.post(
    "/v1/tenants/:tenant/revisions/:target",
    {
      schema: {
        params: tenantParams.extend({ target: wholeTarget }),
        body: z.strictObject({ message, digest: digest.optional(), barrier: z.boolean().optional() }).default({ message: "" }).nullable(),
        response: { 200: revisionView, 201: revisionView },
      },
    },
    async ({ params: { tenant, target }, body, headers }, reply) => {
      const revision = Number.parseInt(target, 10);
      if (target.endsWith(":approve")) {
        if (body?.barrier === true)
          throw new AegisError(
            "invalid_argument",
            "an approved revision is handed out at once: barrier is for publishing and rolling back",
          );
        const { user: approver } = await operator(headers.authorization, tenant, approvers);
        const approved = await approve(ports, { tenant, revision, approver, digest: body?.digest });
        const head = (await ports.revisions.head(tenant))?.revision ?? 0;
        return answerWith(reply, { revision: approved, created: false, head });
      }
      const { user: author } = await operator(headers.authorization, tenant, authors);
      const ifMatch = parseIfMatch(headers["if-match"]);
      return answerWith(
        reply,
        await rollBack(ports, { tenant, revision, message: body?.message ?? "", author, ifMatch, barrier: body?.barrier }),
      );
    },
  );

  server.get(
    "/v1/tenants/:tenant/revisions",
    {
      schema: {
        params: tenantParams,
        querystring: z.object({ limit: z.coerce.number().int().min(1).max(500).default(100), cursor: whole.optional() }),
        response: { 200: z.object({ head: z.int().nullable(), revisions: z.array(revisionView), next: z.int().optional() }) },
      },
    },
    async ({ params: { tenant }, query: { limit, cursor }, headers }, reply) => {
      await mayRead(headers.authorization, tenant, readers, "policies");
      const head = await ports.revisions.head(tenant);
      const page = await ports.revisions.list(tenant, { before: cursor, limit });
      const last = page.length === limit ? page.at(-1) : undefined;
      if (head !== undefined) reply.header("etag", `"${head.version}"`);
      const views = page.map((revision) => viewOf(revision, head?.revision ?? 0));
      return { head: head?.revision ?? null, revisions: views, ...(last === undefined ? {} : { next: last.revision }) };
    },
  );

  server.get(
    "/v1/tenants/:tenant/revisions/:revision",
    { schema: { params: tenantParams.extend({ revision: whole }), response: { 200: revisionView.extend({ files }) } } },
    async ({ params: { tenant, revision }, headers }) => {
      await mayRead(headers.authorization, tenant, readers, "policies");
      const found = await ports.revisions.find(tenant, revision);
      if (found === undefined) throw new AegisError("not_found", `${tenant} has no revision ${revision}`);
      const head = await ports.revisions.head(tenant);
      return { ...viewOf(found, head?.revision ?? 0), files: [...found.files] };
    },
  );
}

interface Reply {
  header(name: string, value: string): unknown;
  status(code: 200 | 201): unknown;
}

/** A revision as the answer to what made it; the ETag names the head, so only a revision that is the head has one. */
export function answerWith(reply: Reply, { revision, created, head, barrier }: PublishOutcome): z.infer<typeof revisionView> {
  if (revision.revision === head) reply.header("etag", `"${revision.version}"`);
  reply.status(created ? 201 : 200);
  return { ...viewOf(revision, head), ...(barrier === undefined ? {} : { barrier: { ...barrier, late: [...barrier.late] } }) };
}
