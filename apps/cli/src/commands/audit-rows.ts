import type { LedgerEntry } from "../clients/ledger.ts";

/** An entry as a line of a table. */
export const rowOf = (entry: LedgerEntry): (string | number)[] => [
  entry.occurredAt,
  entry.sequence,
  entry.kind,
  entry.agent ?? "",
  entry.tool === null ? entry.type : `${entry.tool}:${entry.action}`,
  entry.decision ?? "",
  (entry.event?.data?.reasons ?? []).map((reason) => reason.code).join(" "),
];
