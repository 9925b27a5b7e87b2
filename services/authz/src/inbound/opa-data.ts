import type { HttpServer } from "@aegis/http/server";
import { decisionContext, obligationsOf, readInput } from "#domain/authzen.ts";
import { callerOf, checkAsked, jsonOf, strictly } from "./authzen.ts";
import type { GatewayUsecases } from "./gateway.ts";

/** OPA's data API for one document, so that what asks an OPA can ask authz. `allow` is true only where nothing else is to be done. */
export const opaRoutes = (server: HttpServer, usecases: GatewayUsecases): Promise<void> =>
  strictly(server, (scope) => {
    scope.post("/v1/data/aegis/decision", async (request) => {
      const draft = await checkAsked(usecases, readInput(jsonOf(request)), callerOf(request, "opa"));
      const goes = draft.decision === "allow" || draft.decision === "sanitize";
      const obligations = goes ? obligationsOf(draft) : [];
      const allow = draft.decision === "allow" && obligations.length === 0;
      return { decision_id: draft.id, result: { allow, ...decisionContext(draft, usecases.statusUrl), obligations } };
    });
  });
