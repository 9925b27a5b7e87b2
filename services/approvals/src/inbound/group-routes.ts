import { AegisError } from "@aegis/contracts/errors";
import { tenantName } from "@aegis/contracts/names";
import type { HttpServer } from "@aegis/http/server";
import { z } from "zod";
import { approvalStates } from "#domain/approval.ts";
import { find, notFound } from "#usecases/find.ts";
import type { Ports } from "#usecases/ports.ts";
import { vote } from "#usecases/vote.ts";
import { type Callers, readers } from "./callers.ts";

const groupView = z.object({
  agent: z.string(),
  subject: z.string(),
  tool: z.string(),
  action: z.string(),
  ruleDigest: z.string(),
  queue: z.string(),
  quorum: z.int(),
  /** Newest first, at most 100. */
  ids: z.array(z.uuid()),
  /** Redacted, of the newest ten. */
  arguments: z.array(z.record(z.string(), z.unknown())),
});

const body = z.strictObject({
  tenant: tenantName,
  /** Those that the person saw: what comes in meanwhile is not decided with them. */
  ids: z
    .array(z.uuid())
    .min(1)
    .max(100)
    .refine((ids) => new Set(ids).size === ids.length, "names an id twice"),
  decision: z.enum(["approve", "deny"]),
  comment: z
    .string()
    .max(2_000)
    .regex(/^[^\0]*$/)
    .default(""),
});

const result = z.object({ id: z.uuid(), state: z.enum(approvalStates).optional(), error: z.string().optional() });

/** Like requests as one: what waits, by what it has in common, and one answer to many. Each is still decided by the rules of its own. */
export function groupRoutes(server: HttpServer, ports: Ports, who: Callers): void {
  const querystring = z.object({ tenant: tenantName });
  server.get(
    "/v1/approval-groups",
    { schema: { querystring, response: { 200: z.object({ groups: z.array(groupView) }) } } },
    async ({ query: { tenant }, headers }) => {
      await (await who.operator(headers.authorization)).read(tenant, "groups", ...readers);
      const groups = await ports.approvals.groups(tenant);
      return { groups: groups.map((group) => ({ ...group, ids: [...group.ids], arguments: [...group.arguments] })) };
    },
  );

  server.post(
    "/v1/approvals::vote",
    { schema: { body, response: { 200: z.object({ results: z.array(result) }) } } },
    async ({ body: { tenant, ids, decision, comment }, headers }) => {
      const operator = await who.operator(headers.authorization);
      operator.require(tenant, "approver", "admin");
      const one = async (id: string): Promise<z.infer<typeof result>> => {
        try {
          const found = await find(ports, id, tenant);
          if (!found.seen) throw notFound(id);
          const { state } = await vote(ports, { tenant, id: found.approval.id, user: operator.user, decision, comment });
          return { id, state };
        } catch (error) {
          const known = AegisError.from(error);
          if (!said.has(known.code)) throw error;
          return { id, error: known.message };
        }
      };
      const results = new Array<z.infer<typeof result>>(ids.length);
      const left = ids.entries();
      const work = async () => {
        for (const [at, id] of left) results[at] = await one(id);
      };
      await Promise.all(Array.from({ length: atOnce }, work));
      return { results };
    },
  );
}

/** So many ids are decided at the same time: a few of the pool's connections, so that one answer to many keeps out nobody else. */
const atOnce = 5;

/** What is told of one id, and keeps no other from being decided. */
const said: ReadonlySet<string> = new Set(["not_found", "permission_denied", "conflict"]);
