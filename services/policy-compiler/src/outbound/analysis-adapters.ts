import { setImmediate } from "node:timers/promises";
import type { Database } from "@aegis/postgres/connect";
import type { AnalysisPorts } from "#usecases/analysis-ports.ts";
import type { Clock } from "#usecases/ports.ts";
import { agentRegistry } from "./agent-registry.ts";
import { driftNews } from "./drift-news.ts";
import { recordedDecisions } from "./recorded-decisions.ts";
import type { Tables } from "./tables.ts";

export interface AnalysisOptions {
  readonly instance: string;
  readonly auditUrl?: string | undefined;
  readonly tokenUrl?: string | undefined;
  readonly clock: Clock;
}

/** What analyses reach beyond policies: the ledger, the registry of agents, and who wants to hear of drift. */
export function analysisAdapters(
  db: Database<Tables>,
  { instance, auditUrl, tokenUrl, clock }: AnalysisOptions,
): Pick<AnalysisPorts, "recorded" | "registry" | "driftNews" | "breathe"> {
  return {
    recorded: recordedDecisions(auditUrl),
    registry: agentRegistry(tokenUrl),
    driftNews: driftNews(db, instance, clock),
    breathe: () => setImmediate(),
  };
}
