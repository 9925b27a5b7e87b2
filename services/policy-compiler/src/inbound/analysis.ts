import type { OperatorRole } from "@aegis/contracts/operator";
import type { OperatorAuth } from "@aegis/http/operator";
import type { HttpServer } from "@aegis/http/server";
import type { AnalysisPorts, Reader } from "#usecases/analysis-ports.ts";
import { announceDrift, findDrift } from "#usecases/drift.ts";
import { learnPolicy } from "#usecases/learn.ts";
import type { Clock } from "#usecases/ports.ts";
import { replayDecisions } from "#usecases/replay.ts";
import { simulateCalls } from "#usecases/simulate.ts";
import { analysisParams, driftBody, driftQuery, learnBody, replayBody, simulateBody, windowOf } from "./analysis-bodies.ts";
import { permitted, readers, reading } from "./http.ts";
import { answerWithProgress } from "./progress-stream.ts";

/** Who may look at recorded decisions through a draft: those who may read them from audit. */
const analysts: readonly OperatorRole[] = ["policy-author", "admin", "auditor", "soc"];
const announcers: readonly OperatorRole[] = ["policy-author", "admin"];

const bodyLimit = 32 * 1024 * 1024;

/** Drafts tried on made-up and on recorded calls, drafts from recorded calls, and what policies grant against what was done. */
export function analysisRoutes(server: HttpServer, ports: AnalysisPorts & { readonly clock: Clock }, who: OperatorAuth): void {
  const operator = permitted(who);
  const mayRead = reading(who);
  const reader = (tenant: string, authorization: string | undefined): Reader => ({ tenant, authorization: authorization ?? "" });

  server.post(
    "/v1/tenants/:tenant/policies::simulate",
    { bodyLimit, schema: { params: analysisParams, body: simulateBody } },
    async ({ params: { tenant }, body, headers }) => {
      await mayRead(headers.authorization, tenant, readers, "analysis of decisions");
      return { verdicts: await simulateCalls(ports, { tenant, ...body, now: ports.clock.now().getTime() }) };
    },
  );

  server.post(
    "/v1/tenants/:tenant/policies::replay",
    { bodyLimit, schema: { params: analysisParams, body: replayBody } },
    async ({ params: { tenant }, body, headers }, reply) => {
      await mayRead(headers.authorization, tenant, analysts, "analysis of decisions");
      const { files, examples, asEnforced } = body;
      const request = {
        reader: reader(tenant, headers.authorization),
        window: windowOf(body, ports.clock.now()),
        files,
        examples,
        asEnforced,
      };
      return answerWithProgress({ accept: headers.accept, reply }, (progress, stop) => replayDecisions(ports, request, progress, stop));
    },
  );

  server.post(
    "/v1/tenants/:tenant/policies::learn",
    { schema: { params: analysisParams, body: learnBody } },
    async ({ params: { tenant }, body, headers }, reply) => {
      await mayRead(headers.authorization, tenant, analysts, "analysis of decisions");
      const { agent, leastCalls, mostBytes, dryRuns, limits } = body;
      const window = windowOf(body, ports.clock.now());
      const request = { reader: reader(tenant, headers.authorization), window, agent, leastCalls, mostBytes, dryRuns, limits };
      return answerWithProgress({ accept: headers.accept, reply }, (progress, stop) => learnPolicy(ports, request, progress, stop));
    },
  );

  server.get(
    "/v1/tenants/:tenant/drift",
    { schema: { params: analysisParams, querystring: driftQuery } },
    async ({ params: { tenant }, query, headers }) => {
      await mayRead(headers.authorization, tenant, analysts, "analysis of decisions");
      return findDrift(ports, reader(tenant, headers.authorization), windowOf(query, ports.clock.now()));
    },
  );

  server.post(
    "/v1/tenants/:tenant/drift",
    { schema: { params: analysisParams, body: driftBody } },
    async ({ params: { tenant }, body: { days }, headers }) => {
      const { user: by } = await operator(headers.authorization, tenant, announcers);
      return announceDrift(ports, reader(tenant, headers.authorization), windowOf({ days }, ports.clock.now()), { by, days });
    },
  );
}
