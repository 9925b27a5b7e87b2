import { prepareDraft } from "@aegis/policy/analysis/draft";
import { type SimulatedVerdict, simulate } from "@aegis/policy/analysis/simulate";
import { simulatedRequest } from "@aegis/policy/analysis/simulated-request";
import type { PolicyFile } from "#domain/revision.ts";
import { draftOrActive } from "./active-policies.ts";
import type { AnalysisPorts } from "./analysis-ports.ts";

/** What became of one request: its verdict, or why it is none. */
export type Simulated = SimulatedVerdict | { readonly error: string };

/** Decides made-up calls, each alone, in the order given. @throws AegisError as `draftOrActive`. */
export async function simulateCalls(
  ports: AnalysisPorts,
  asked: {
    readonly tenant: string;
    readonly files?: readonly PolicyFile[] | undefined;
    readonly requests: readonly unknown[];
    readonly now: number;
  },
): Promise<Simulated[]> {
  const snapshot = prepareDraft(await draftOrActive(ports, asked.tenant, asked.files));
  const simulated: Simulated[] = [];
  for (const request of asked.requests) {
    if (simulated.length % atOnce === atOnce - 1) await ports.breathe();
    const read = simulatedRequest(request, asked);
    simulated.push(read.ok ? simulate(snapshot, read.input) : { error: read.message });
  }
  return simulated;
}

/** Others get on after so many. */
const atOnce = 100;
