import { type Learned, type LearnOptions, learn, Traffic } from "@aegis/policy/analysis/learn";
import type { AnalysisPorts, Progress, Reader, Window } from "./analysis-ports.ts";

export interface LearnRequest extends Omit<LearnOptions, "tenant"> {
  readonly reader: Reader;
  readonly window: Omit<Window, "agent">;
  /** Dry runs count as calls. */
  readonly dryRuns: boolean;
}

/** Drafts a policy from what an agent was let do in a window. @throws AegisError as audit answers. */
export async function learnPolicy(
  ports: AnalysisPorts,
  { reader, window, dryRuns, ...options }: LearnRequest,
  progress: Progress,
  signal: AbortSignal,
): Promise<Learned> {
  const { agent } = options;
  const traffic = new Traffic({ agent, dryRuns });
  let records = 0;
  for await (const part of ports.recorded.read(reader, { ...window, agent }, signal)) {
    for (const record of part) traffic.add(record);
    records += part.length;
    progress(records);
  }
  return learn(traffic, { ...options, tenant: reader.tenant }, ports.breathe);
}
