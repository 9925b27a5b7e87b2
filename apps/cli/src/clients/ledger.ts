import type { Context } from "../context.ts";
import { type Control, control, query } from "./control.ts";

/** An entry of the ledger, newest ones first in lists. */
export interface LedgerEntry {
  tenant: string;
  sequence: number;
  id: string;
  kind: string;
  type: string;
  agent: string | null;
  tool: string | null;
  action: string | null;
  decision: string | null;
  policyVersion: string | null;
  session: string | null;
  prompt: string | null;
  actionDigest: string | null;
  about: string | null;
  occurredAt: string;
  recordedAt: string;
  event: { data?: EventData } | null;
}

export interface RecordedCost {
  microUsd: number;
  tokens: number;
  money?: { currency: string; micro: number; rate: number };
}

/** What is shown of an event's data. */
interface EventData {
  reasons?: { code: string; message: string; rule?: string }[];
  principal?: { subject?: string; chain?: string[]; instance?: string };
  arguments?: unknown;
  sealed?: { key: string; fields: string[] };
  redactions?: { pointer: string; detector: string }[];
  destination?: { url: string; method?: string; declaredBy?: string };
  context?: { purpose?: string; reasoning?: string; planId?: string; replanOf?: string; toolCallId?: string };
  ruleDigest?: string;
  snapshotDigest?: string;
  dryRun?: boolean;
  approval?: { id: string };
  cost?: RecordedCost;
  outcome?: string;
  voter?: string;
  vote?: string;
  by?: string | string[];
}

export interface EntryFilter {
  kind?: string | undefined;
  agent?: string | undefined;
  tool?: string | undefined;
  action?: string | undefined;
  decision?: string | undefined;
  reason?: string | undefined;
  policyVersion?: string | undefined;
  digest?: string | undefined;
  prompt?: string | undefined;
  session?: string | undefined;
  /** A decision's or approval's id. */
  about?: string | undefined;
  /** RFC 3339. */
  from?: string | undefined;
  to?: string | undefined;
  id?: string | undefined;
  /** What is sealed: kept back unless said otherwise. */
  personal?: "shown" | undefined;
}

export const auditClient = (context: Context, tenant: string | undefined): Promise<Control> =>
  control(context, "audit", { role: "auditor", tenant: tenant ?? "*" });

/** Entries that match, newest first, page by page. */
export async function* findEntries(
  service: Control,
  tenant: string,
  filter: EntryFilter,
  atMost = Number.POSITIVE_INFINITY,
): AsyncGenerator<LedgerEntry> {
  let left = atMost;
  for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
    const page = await service.json<{ entries: LedgerEntry[]; next?: string }>(
      `/v1/entries${query({ tenant, ...filter, limit: Math.min(left, 500), cursor })}`,
    );
    yield* page.entries;
    left -= page.entries.length;
    cursor = left > 0 ? page.next : undefined;
  }
}
