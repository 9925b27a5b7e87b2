import type { Context } from "../context.ts";
import type { Graph } from "../lineage-drawing.ts";
import { query } from "./control.ts";
import { auditClient, type LedgerEntry } from "./ledger.ts";

type Counts = Record<string, number>;

/** What `GET /v1/agents/{agent}/timeline` answers. */
export interface Timeline {
  agent: string;
  from: string;
  to: string;
  entries: LedgerEntry[];
  next?: string;
  summary?: {
    decisions: Counts;
    outcomes: Counts;
    reasons: Counts;
    tools: { tool: string; action: string; decisions: Counts }[];
    destinations: Counts;
    subjects: Counts;
    sessions: number;
    prompts: number;
    microUsd: number;
    tokens: number;
    approvals: {
      id: string;
      tool: string | null;
      action: string | null;
      state: string;
      by: string[];
      votes: { by: string; vote: string }[];
    }[];
    identity: Counts;
    complete: boolean;
  };
}

/** Who delegated to whom in a session or under a prompt. */
export async function fetchGraph(context: Context, kind: "session" | "prompt", id: string): Promise<Graph> {
  const tenant = context.tenant();
  const service = await auditClient(context, tenant);
  return service.json(`/v1/graph/${kind}/${encodeURIComponent(id)}${query({ tenant })}`, { timeoutMs: 60_000 });
}

export interface TimelineWindow {
  from?: string | undefined;
  to?: string | undefined;
  limit?: number | undefined;
}

/** Everything one agent did, newest first, and what it sums up to. */
export async function fetchTimeline(context: Context, agent: string, window: TimelineWindow): Promise<Timeline> {
  const tenant = context.tenant();
  const service = await auditClient(context, tenant);
  return service.json(`/v1/agents/${encodeURIComponent(agent)}/timeline${query({ tenant, ...window })}`, { timeoutMs: 60_000 });
}
