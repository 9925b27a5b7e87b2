import { type Attempt, type Explanation, explain } from "#domain/override.ts";
import type { Ports } from "./ports.ts";

export type Redemption = Explanation & { readonly approvalId?: string; readonly approvers?: readonly string[] };

/**
 * Spends a one-time override for one decision. What spends it is a single conditional update; everything read afterwards only
 * explains, or repeats the answer to the decision that already has it.
 */
export async function redeem(
  ports: Pick<Ports, "overrides" | "tokens" | "clock" | "signals">,
  token: string,
  attempt: Attempt,
): Promise<Redemption> {
  const now = ports.clock.now().getTime();
  const hash = ports.tokens.hash(token);
  const spent = await ports.overrides.redeem(hash, attempt, now);
  if (spent !== undefined) {
    ports.signals.redeemed("redeemed");
    return { result: "redeemed", approvalId: spent.approvalId, approvers: spent.approvers };
  }
  const override = await ports.overrides.look(hash);
  const explanation = explain(override, attempt, now);
  if (override === undefined) {
    ports.signals.redeemed(explanation.result);
    return explanation;
  }
  if (explanation.result === "invalid" && explanation.spentBy !== undefined) {
    const { binding, redeemedInstance: instance = "" } = override;
    ports.signals.redeemedTwice({
      approvalId: override.approvalId,
      first: { tenant: binding.tenant, agent: binding.agent, instance, decisionId: explanation.spentBy },
      second: { tenant: attempt.tenant, agent: attempt.agent, instance: attempt.instance, decisionId: attempt.decisionId },
    });
  }
  if (explanation.result !== "redeemed") ports.signals.redeemed(explanation.result);
  // Another tenant's approval is not told of.
  if (override.binding.tenant !== attempt.tenant) return explain(undefined, attempt, now);
  return { ...explanation, approvalId: override.approvalId, approvers: override.approvers };
}
