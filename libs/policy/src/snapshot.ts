import { AegisError } from "@aegis/contracts/errors";
import type { DetectorName } from "@aegis/dlp/detect";
import type { EvaluationInput, Verdict } from "./input.ts";
import type { Governance, PolicyContent } from "./ir.ts";

/** One verified revision, ready to decide. Immutable: a new revision is a new snapshot. */
export interface Snapshot {
  readonly tenant: string;
  readonly revision: number;
  readonly version: string;
  /** `snapshot_digest`. */
  readonly digest: string;
  readonly governance: Governance;
  /** The detectors to run over an agent's arguments before `evaluate`. */
  detectors(agent: string): readonly DetectorName[];
  /** Pure and total: never throws for a well-typed input, whatever the arguments hold. */
  evaluate(input: EvaluationInput): Verdict;
}

/** Compiles patterns and indexes rules, once per revision. */
export function prepare(content: PolicyContent): Snapshot {
  throw new AegisError("unimplemented", `prepare ${content.version}`);
}
