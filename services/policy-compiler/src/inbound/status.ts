import type { OperatorAuth } from "@aegis/http/operator";
import type { HttpServer } from "@aegis/http/server";
import { z } from "zod";
import { type ReplicaState, skewOf } from "#domain/activation.ts";
import { activationsOf } from "#usecases/activations.ts";
import { policyStatus } from "#usecases/policy-status.ts";
import type { OpaPorts, Ports } from "#usecases/ports.ts";
import { revisionView, tenantParams, viewOf } from "./bodies.ts";
import { readers, reading, whole } from "./http.ts";

/** Who enforces what. */
export function statusRoutes(server: HttpServer, ports: Ports & OpaPorts, who: OperatorAuth, stopping: AbortSignal): void {
  const mayRead = reading(who);

  server.get(
    "/v1/tenants/:tenant/activations/:revision",
    {
      schema: {
        params: tenantParams.extend({ revision: whole }),
        querystring: z.object({ wait: z.coerce.number().min(0).max(50).default(0) }),
        response: { 200: activationView },
      },
    },
    async ({ params: { tenant, revision }, query, headers, signal }) => {
      await mayRead(headers.authorization, tenant, readers, "policy status");
      const wait = { waitMs: query.wait * 1_000, signal: AbortSignal.any([signal, stopping]) };
      const states = await activationsOf(ports, tenant, revision, wait);
      const skew = skewOf(revision, states);
      const enforcedOn = states.filter(({ enforced }) => enforced).length;
      const replicas = states.map(replicaViewOf);
      return { tenant, revision, enforcedOn, live: states.length, ...(skew === undefined ? {} : { skewMs: skew }), replicas };
    },
  );

  server.get(
    "/v1/tenants/:tenant/policies::status",
    { schema: { params: tenantParams, response: { 200: statusView } } },
    async ({ params: { tenant }, headers }) => {
      await mayRead(headers.authorization, tenant, readers, "policy status");
      const { head, replicas, skew, opas, opaDecisions } = await policyStatus(ports, tenant);
      return {
        tenant,
        head: head === undefined ? null : viewOf(head, head.revision),
        replicas: replicas.map(replicaViewOf),
        ...(skew === undefined ? {} : { skewMs: skew }),
        opas: opas.map(({ instance, reportedBy, version, revision, error, reportedAt }) => ({
          ...{ instance, reportedBy, version, revision: revision ?? null, current: revision === head?.revision },
          ...(error === undefined ? {} : { error }),
          reportedAt: new Date(reportedAt).toISOString(),
        })),
        opaDecisions: { ...opaDecisions },
      };
    },
  );
}

const replicaView = z.object({
  replica: z.string(),
  revision: z.int(),
  enforced: z.boolean(),
  /** The revision that waits for a barrier. */
  prepared: z.int().optional(),
  activatedAt: z.iso.datetime().optional(),
  /** From the head's issue to the switch. */
  milliseconds: z.number().optional(),
  /** Why it did not accept the newest head. */
  refused: z.string().optional(),
});

function replicaViewOf({ activatedAt, prepared, ...state }: ReplicaState): z.infer<typeof replicaView> {
  return {
    ...state,
    ...(prepared === 0 ? {} : { prepared }),
    ...(activatedAt === undefined ? {} : { activatedAt: new Date(activatedAt).toISOString() }),
  };
}

const activationView = z.object({
  tenant: z.string(),
  revision: z.int(),
  /** Live replicas that enforce this revision or a later one. */
  enforcedOn: z.int(),
  live: z.int(),
  /** Between the first and the last switch to this revision, in milliseconds, when all said when. */
  skewMs: z.number().optional(),
  replicas: z.array(replicaView),
});

const statusView = z.object({
  tenant: z.string(),
  head: revisionView.nullable(),
  replicas: z.array(replicaView),
  skewMs: z.number().optional(),
  /** As they say themselves. */
  opas: z.array(
    z.object({
      instance: z.string(),
      reportedBy: z.string(),
      version: z.string(),
      revision: z.int().nullable(),
      /** Whether that is the head. */
      current: z.boolean(),
      error: z.string().optional(),
      reportedAt: z.iso.datetime(),
    }),
  ),
  /** Reported in the last week, by decision. */
  opaDecisions: z.record(z.string(), z.int()),
});
