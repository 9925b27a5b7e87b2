import type { Reason } from "@aegis/contracts/reasons";
import { type Detectors, prepareDetectors } from "@aegis/dlp/prepare";
import type { EvaluationInput, Redaction } from "../input.ts";
import type { CatalogAction, DlpRule } from "../ir.ts";
import { Outcome } from "./outcome.ts";
import { type PreparedDlp, type PreparedPolicy, prepareDlp, type Shared } from "./prepared.ts";

/** What holds for what a tool answers one agent. */
export interface ResultDuties {
  readonly dlp: readonly DlpRule[];
  /** What to run over the answer. */
  readonly detectors: Detectors;
  /** Facts of the session from the moment the call is let through: of the policies and of the catalog, each once, sorted. */
  readonly labels: readonly string[];
  /** What the rules make of what the detectors found. Pointers are into the answer. */
  judge(findings: EvaluationInput["findings"]): ResultJudgement;
}

interface ResultJudgement {
  /** The agent must not see the answer. */
  readonly denied: boolean;
  readonly reasons: readonly Reason[];
  readonly redactions: readonly Redaction[];
}

/** Of enforced policies and rules alone: a trial must not change what others are held to. */
export function resultDuties(
  policies: readonly PreparedPolicy[],
  known: CatalogAction | undefined,
  call: { readonly tool: string; readonly action: string },
  shared: Shared,
): ResultDuties {
  const rules = policies.flatMap(({ source, tools }) => {
    const action = tools.get(call.tool)?.actions.get(call.action);
    return [source.results ?? [], (action?.enforced && action.source.results) || []].flat();
  });
  const dlp = rules.flatMap((rule) => rule.dlp);
  const labels = new Set([...rules.flatMap((rule) => rule.labels), ...(known?.labels ?? [])]);
  if (dlp.length === 0 && labels.size === 0) return noDuties;
  const prepared = dlp.map(prepareDlp);
  return {
    dlp,
    detectors: shared.detectors(dlp),
    labels: [...labels].sort(),
    judge: (findings) => judge(prepared, findings),
  };
}

const nothingFound: ResultJudgement = Object.freeze({ denied: false, reasons: [], redactions: [] });
const noDuties: ResultDuties = Object.freeze({ dlp: [], detectors: prepareDetectors([]), labels: [], judge: () => nothingFound });

function judge(rules: readonly PreparedDlp[], findings: EvaluationInput["findings"]): ResultJudgement {
  const outcome = new Outcome();
  outcome.sanitize(rules, findings);
  return { denied: outcome.denied, reasons: outcome.reasons, redactions: outcome.denied ? [] : outcome.redactions };
}
