import type { Verdict } from "./verdict.ts";

/** Why a call was not executed. Nothing was sent to the tool. */
export type RefusalKind = "denied" | "approval_denied" | "approval_expired" | "approval_pending" | "obligation_unknown" | "unavailable";

/** A call that must not be executed, with the reasons for a person or a model to read. */
export class AegisRefusal extends Error {
  override readonly name = "AegisRefusal";
  readonly kind: RefusalKind;
  /** Absent when no answer could be had. */
  readonly verdict: Verdict | undefined;

  constructor(kind: RefusalKind, message: string, options: { verdict?: Verdict; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.verdict = options.verdict;
  }
}

/** One sentence with every reason of an answer. */
export function describe(verdict: Verdict): string {
  return (
    verdict.reasons.map(({ code, message, pointer }) => `${code}: ${message}${pointer ? ` (at ${pointer})` : ""}`).join("; ") ||
    verdict.decision
  );
}
