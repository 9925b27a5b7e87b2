import { type Comparison, compare } from "#domain/unusual.ts";
import type { ApprovalRecord, Ports } from "./ports.ts";

/** So many earlier requests say what is usual. */
const looked = 50;

/** How a held call differs from what the same agent asked for before. */
export async function comparisonOf(ports: Pick<Ports, "approvals">, approval: ApprovalRecord): Promise<Comparison[]> {
  return compare(approval.arguments, await ports.approvals.earlier(approval, looked));
}
