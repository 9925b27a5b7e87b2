import { tenantName } from "@aegis/contracts/names";
import type { HttpServer } from "@aegis/http/server";
import { z } from "zod";
import { type Grant, longestGrantMs, mostUses, standingOf } from "#domain/grant.ts";
import { find, notFound } from "#usecases/find.ts";
import { backGrant, grantNotFound, propose, revokeGrant } from "#usecases/grant.ts";
import type { GrantPorts } from "#usecases/grant-ports.ts";
import type { Ports } from "#usecases/ports.ts";
import { type Callers, readers } from "./callers.ts";

const params = z.object({ id: z.uuid() });
const scalar = z.union([z.string().max(1_000), z.number(), z.boolean(), z.null()]);
const bound = z
  .strictObject({ min: z.number().optional(), max: z.number().optional(), equals: scalar.optional() })
  .refine(({ min, max, equals }) => min !== undefined || max !== undefined || equals !== undefined, "says nothing: give min, max or equals")
  .refine(({ min, max }) => min === undefined || max === undefined || min <= max, "min is above max");
/** RFC 6901. */
const pointer = z
  .string()
  .max(500)
  .regex(/^(\/([^~/\0]|~[01])*)+$/, "not a JSON pointer such as /amount");

const terms = z
  .strictObject({
    bounds: z.record(pointer, bound).default({}),
    /** Leave for whatever arguments: to be said, never by leaving something out. */
    anyArguments: z.boolean().default(false),
    anySubject: z.boolean().default(false),
    maxUses: z.int().min(1).max(mostUses),
    expiresInSeconds: z
      .int()
      .min(60)
      .max(longestGrantMs / 1000),
    comment: z
      .string()
      .max(2_000)
      .regex(/^[^\0]*$/)
      .default(""),
  })
  .refine(({ bounds, anyArguments }) => Object.keys(bounds).length > 0 !== anyArguments, {
    message: "give bounds for the arguments, or anyArguments: true, and not both",
    path: ["bounds"],
  })
  .refine(({ bounds }) => Object.keys(bounds).length <= 50, { message: "at most 50 bounds", path: ["bounds"] });

const grantView = z.object({
  id: z.uuid(),
  state: z.enum(["proposed", "live", "revoked", "expired", "used up"]),
  tenant: z.string(),
  /** The request it was made from. */
  approvalId: z.uuid(),
  agent: z.string(),
  /** Null: on whoever's behalf. */
  subject: z.string().nullable(),
  tool: z.string(),
  action: z.string(),
  ruleDigest: z.string(),
  queue: z.string(),
  quorum: z.int(),
  bounds: z.record(z.string(), z.object({ min: z.number().optional(), max: z.number().optional(), equals: scalar.optional() })),
  uses: z.int(),
  maxUses: z.int(),
  backers: z.array(z.string()),
  comment: z.string(),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  revokedBy: z.string().nullable(),
});

const viewOf = (grant: Grant, now: number): z.infer<typeof grantView> => ({
  ...grant,
  state: standingOf(grant, now),
  subject: grant.subject ?? null,
  bounds: { ...grant.bounds },
  backers: [...grant.backers],
  createdAt: new Date(grant.createdAt).toISOString(),
  expiresAt: new Date(grant.expiresAt).toISOString(),
  revokedBy: grant.revokedBy ?? null,
});

/** Standing leave: made from a request that people saw, backed by as many as it needs, listed, taken back. */
export function grantRoutes(server: HttpServer, ports: Ports & GrantPorts, who: Callers): void {
  const now = () => ports.clock.now().getTime();
  const answer = { 200: grantView };

  server.post(
    "/v1/approvals/:id/grants",
    { schema: { params, body: terms, response: answer } },
    async ({ params: { id }, body, headers }) => {
      const operator = await who.operator(headers.authorization);
      const found = await find(ports, id);
      if (!found.seen || !operator.has(found.approval.tenant, ...readers)) throw notFound(id);
      operator.require(found.approval.tenant, "approver", "admin");
      return viewOf(await propose(ports, found.approval, operator.user, body), now());
    },
  );

  const querystring = z.object({
    tenant: tenantName,
    agent: z.string().max(64).optional(),
    limit: z.coerce.number().int().min(1).max(500).default(100),
    /** `next` of the page before. */
    cursor: z.uuid().optional(),
  });
  server.get(
    "/v1/grants",
    { schema: { querystring, response: { 200: z.object({ grants: z.array(grantView), next: z.uuid().optional() }) } } },
    async ({ query: { tenant, agent, limit, cursor }, headers }) => {
      await (await who.operator(headers.authorization)).read(tenant, "standing grants", ...readers);
      const page = await ports.grants.list({ tenant, agent, before: cursor, limit });
      const last = page.length === limit ? page.at(-1) : undefined;
      return { grants: page.map((grant) => viewOf(grant, now())), ...(last === undefined ? {} : { next: last.id }) };
    },
  );

  /** Whoever may not see the tenant's approvals learns nothing of its grants. */
  const seen = async (id: string, authorization: string | undefined) => {
    const operator = await who.operator(authorization);
    const grant = await ports.grants.find(id);
    if (grant === undefined || !operator.has(grant.tenant, ...readers)) throw grantNotFound(id);
    return { operator, grant };
  };

  server.get("/v1/grants/:id", { schema: { params, response: answer } }, async ({ params: { id }, headers }) =>
    viewOf((await seen(id, headers.authorization)).grant, now()),
  );

  server.post("/v1/grants/:id/back", { schema: { params, response: answer } }, async ({ params: { id }, headers }) => {
    const { operator, grant } = await seen(id, headers.authorization);
    operator.require(grant.tenant, "approver", "admin");
    return viewOf(await backGrant(ports, grant, operator.user), now());
  });

  server.delete("/v1/grants/:id", { schema: { params, response: answer } }, async ({ params: { id }, headers }) => {
    const { operator, grant } = await seen(id, headers.authorization);
    operator.require(grant.tenant, "approver", "admin", "soc");
    return viewOf(await revokeGrant(ports, grant, operator.user), now());
  });
}
