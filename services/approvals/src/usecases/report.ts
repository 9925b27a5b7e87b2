import type { Change, Outcome } from "#domain/approval.ts";
import type { ApprovalRecord, Signals } from "./ports.ts";

/** Tells operators which state an approval has reached, and after how long. */
export function report(signals: Signals, changed: { readonly outcome: Outcome; readonly approval: ApprovalRecord }): void {
  for (const change of changed.outcome.changes) {
    if (change.type !== "voted") signals.decided(change.type, (timeOf(change) - changed.approval.requestedAt) / 1000);
  }
}

const timeOf = (change: Exclude<Change, { type: "voted" }>) => change.at;
