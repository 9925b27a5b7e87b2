import type { DecisionEvent } from "@aegis/contracts/decision-event";
import { AegisError } from "@aegis/contracts/errors";
import { bindingInstance } from "#domain/instance.ts";
import type { Ports } from "./ports.ts";

/**
 * Opens the approval that a decision calls for. A dry run asks nobody. Told any number of times, it opens one.
 *
 * @throws AegisError `invalid_argument` for an event that names no approval or no rule.
 */
export async function request(ports: Pick<Ports, "approvals" | "clock" | "signals">, event: DecisionEvent): Promise<void> {
  const { data } = event;
  if (data.dryRun || data.decision !== "approval_needed") return;
  const { approval, ruleDigest, principal } = data;
  if (approval === undefined || ruleDigest === undefined) {
    throw new AegisError("invalid_argument", `decision ${data.decisionId} needs an approval but names none, or no rule`);
  }
  const how = await ports.approvals.request(
    {
      id: approval.id,
      decisionId: data.decisionId,
      tenant: event.tenant,
      requester: {
        agent: principal.agent,
        subject: principal.subject,
        chain: principal.chain,
        instance: bindingInstance(principal.instance),
      },
      tool: data.tool,
      action: data.action,
      arguments: data.arguments,
      reasons: data.reasons,
      actionDigest: data.actionDigest,
      ruleDigest,
      policyVersion: data.policyVersion,
      queue: approval.queue,
      quorum: approval.quorum,
      requestedAt: Date.parse(event.time),
      expiresAt: Date.parse(approval.expiresAt),
    },
    ports.clock.now().getTime(),
  );
  if (how !== "known") ports.signals.requested(how);
}
