import type { RegisteredAgent, UsageCount } from "@aegis/policy/analysis/drift";
import type { RecordedDecision } from "@aegis/policy/analysis/recorded-call";
import type { RevisionStore, Signals } from "./ports.ts";

/** Decisions that were made in [from, to). */
export interface Window {
  readonly from: Date;
  readonly to: Date;
  readonly agent?: string | undefined;
}

/** Who asks: the ledger and the registry are read in that person's name, so nobody sees here what they may not see there. */
export interface Reader {
  readonly tenant: string;
  readonly authorization: string;
}

/** The ledger, as audit hands it out. */
export interface RecordedDecisions {
  /** In the order they were recorded, a part of them at a time. @throws AegisError as audit answers; `unavailable`. */
  read(reader: Reader, window: Window, signal: AbortSignal): AsyncIterable<readonly RecordedDecision[]>;
  usage(reader: Reader, window: Window): Promise<UsageCount[]>;
}

/** The registry of agents, as token hands it out. */
export interface AgentRegistry {
  agents(reader: Reader): Promise<RegisteredAgent[]>;
}

/** Tells the fabric that what is granted and what is done have drifted apart. */
export interface DriftNews {
  drifted(tenant: string, found: DriftFound): Promise<void>;
}

/** How much of each kind; the lists themselves are what `drift` answers. */
export interface DriftFound {
  readonly by: string;
  readonly days: number;
  readonly unused: number;
  readonly unjustified: number;
  readonly overdue: number;
  readonly unregistered: number;
  readonly ungoverned: number;
  readonly unseen: number;
}

export interface AnalysisPorts {
  readonly revisions: Pick<RevisionStore, "head" | "find">;
  readonly signals: Signals;
  readonly recorded: RecordedDecisions;
  readonly registry: AgentRegistry;
  readonly driftNews: DriftNews;
  /** Lets others run between two steps of long work. */
  readonly breathe: () => Promise<void>;
}

/** How far a long analysis is. */
export type Progress = (records: number) => void;
