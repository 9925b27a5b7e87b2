import { prepareDraft } from "@aegis/policy/analysis/draft";
import { policyStage } from "@aegis/policy/analysis/recorded-call";
import { Replay, type ReplayOptions, type ReplayReport } from "@aegis/policy/analysis/replay";
import type { PolicyFile } from "#domain/revision.ts";
import { draftOrActive, earlierRevisions } from "./active-policies.ts";
import type { AnalysisPorts, Progress, Reader, Window } from "./analysis-ports.ts";

export interface ReplayRequest extends ReplayOptions {
  readonly reader: Reader;
  readonly window: Window;
  readonly files?: readonly PolicyFile[] | undefined;
}

/** Decides again, by a draft, what was decided in a window. @throws AegisError as `draftOrActive` and as audit answers. */
export async function replayDecisions(
  ports: AnalysisPorts,
  { reader, window, files, ...options }: ReplayRequest,
  progress: Progress,
  signal: AbortSignal,
): Promise<ReplayReport> {
  const policies = await draftOrActive(ports, reader.tenant, files);
  const replay = new Replay(prepareDraft(policies), policies, options);
  const earlier = earlierRevisions(ports, reader.tenant);
  for await (const part of ports.recorded.read(reader, window, signal)) {
    for (const record of part) {
      const decidedBy = policyStage(record.data).kind === "state" ? await earlier(record.data.policyVersion) : undefined;
      replay.add(record, decidedBy);
    }
    progress(replay.records);
  }
  return replay.report();
}
