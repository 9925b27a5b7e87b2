import { scan } from "@aegis/dlp/detect";
import type { Snapshot } from "../engine/snapshot.ts";
import type { EvaluationInput, Verdict } from "../input.ts";

/** What policies say to one call; budgets, overrides and revocations are asked about nothing. */
export interface SimulatedVerdict {
  readonly decision: Verdict["decision"];
  readonly reasons: Verdict["reasons"];
  readonly redactions: readonly { readonly pointer: string; readonly detector: string; readonly action: string }[];
  readonly shadow?: Verdict["shadow"];
  readonly approval?: Verdict["approval"];
  readonly ruleDigest?: string | undefined;
  readonly cost: Verdict["cost"];
  readonly obligations: readonly string[];
  readonly durability: Verdict["durability"];
}

/** Decides one call as authz would, detectors included, by the policies alone. */
export function simulate(snapshot: Snapshot, call: Omit<EvaluationInput, "findings">): SimulatedVerdict {
  const verdict = snapshot.evaluate(withFindings(snapshot, call));
  const { decision, reasons, redactions, shadow, approval, ruleDigest, cost, obligations, durability } = verdict;
  return {
    decision,
    reasons,
    redactions: redactions.map(({ finding, action }) => ({ pointer: finding.pointer, detector: finding.detector, action })),
    ...(shadow && { shadow }),
    ...(approval && { approval }),
    ...(ruleDigest !== undefined && { ruleDigest }),
    cost,
    obligations,
    durability,
  };
}

/** The call as the engine takes it: with what the detectors of its agent's policies find. */
export function withFindings(snapshot: Snapshot, call: Omit<EvaluationInput, "findings">): EvaluationInput {
  return { ...call, findings: scan(call.arguments, snapshot.detectors(call.principal.agent)) };
}
