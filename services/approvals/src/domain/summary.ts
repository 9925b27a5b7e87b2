import type { ApprovalState } from "./approval.ts";
import type { Comparison } from "./unusual.ts";
import { visible } from "./visible.ts";

interface Told {
  readonly state: ApprovalState;
  readonly decidedBy: readonly string[];
}

/** What became of an approval, in words. Time is never given as somebody's no. */
export function outcomeOf({ state, decidedBy }: Told): string {
  const by = decidedBy.length === 0 ? "" : ` by ${decidedBy.join(", ")}`;
  switch (state) {
    case "pending":
      return "waits for people";
    case "expired":
      return "expired: nobody decided in time";
    case "approved":
    case "denied":
    case "cancelled":
    case "redeemed":
      return `${state}${by}`;
  }
}

/** The lines a message about an approval has, each with its name; shortened to what any platform takes. */
export function summaryOf(approval: Asked): [string, string][] {
  const rows: [string, string][] = [
    ["Agent", `${approval.requester.agent} (tenant ${approval.tenant})`],
    ["On behalf of", approval.requester.subject],
    ["Call", `${approval.tool}:${approval.action}`],
    ["Queue", approval.queue],
    ["Needs", approval.quorum === 1 ? "1 person" : `${approval.quorum} people`],
  ];
  return rows.map(([name, value]) => [name, visible(value, 300)]);
}

/** Why people are asked. */
export const reasonsOf = ({ reasons }: Pick<Asked, "reasons">): string =>
  visible(reasons.flatMap((reason) => messageOf(reason) ?? []).join("\n"), 1_000) || "no reason was given";

/** What to look at twice, a line each; empty when nothing is unusual. */
export const unusualOf = ({ comparison = [] }: Pick<Asked, "comparison">): string =>
  visible(comparison.flatMap(({ pointer, says, unusual }) => (unusual ? [`${pointer}: ${says}`] : [])).join("\n"), 1_000);

export interface Asked extends Told {
  readonly tenant: string;
  readonly requester: { readonly agent: string; readonly subject: string };
  readonly tool: string;
  readonly action: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly reasons: readonly unknown[];
  readonly queue: string;
  readonly quorum: number;
  /** Beside what the agent asked before. */
  readonly comparison?: readonly Comparison[];
}

function messageOf(reason: unknown): string | undefined {
  const message = (reason as { message?: unknown } | null)?.message;
  return typeof message === "string" ? message : undefined;
}
