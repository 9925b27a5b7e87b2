import type { CheckRequest } from "@aegis/contracts/aegis/authz/v1/authz";
import { isSampled, pastSpan, span, spanTime, withRemoteParent } from "@aegis/telemetry/trace";
import type { Draft } from "#domain/draft.ts";
import type { Check } from "#usecases/check.ts";
import type { Caller } from "#usecases/work.ts";

/**
 * The same, with a span for the call and one for each of its stages where the caller's trace is recorded; a span costs more than the
 * decision, so nothing else gets one. Attributes follow OpenTelemetry's conventions for generative AI, and hold no argument.
 */
export const traced =
  (check: Check): Check =>
  (request, caller) =>
    isSampled(caller.traceparent) ? inSpan(check, request, caller) : check(request, caller);

function inSpan(check: Check, request: CheckRequest, caller: Caller): Promise<Draft> {
  const { tool, action, context } = request;
  const attributes = {
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": action.slice(0, 128),
    "aegis.tool": tool.slice(0, 128),
    "aegis.action": action.slice(0, 128),
    "aegis.enforcement_point": caller.pep,
    ...(context?.toolCallId && { "gen_ai.tool.call.id": context.toolCallId.slice(0, 128) }),
    ...(context?.sessionId && { "gen_ai.conversation.id": context.sessionId.slice(0, 128) }),
    // A gateway asks about MCP's one method that calls a tool: its server is our tool, its tool our action.
    ...(caller.mcp === true && { "mcp.method.name": "tools/call" }),
  };
  return withRemoteParent(caller.traceparent, () =>
    span("aegis.check", attributes, async (active) => {
      let start = spanTime();
      const stage = (name: string) => {
        const end = spanTime();
        pastSpan(`aegis.${name}`, { start, end });
        start = end;
      };
      const draft = await check(request, { ...caller, stage });
      const { tenant, agent, chain } = draft.principal;
      active.setAttributes({
        "gen_ai.agent.id": `${tenant}/${agent}`,
        "gen_ai.agent.name": agent,
        "aegis.tenant": tenant,
        "aegis.delegation_chain": [...chain],
        "aegis.decision": draft.decision,
        "aegis.decision_id": draft.id,
        ...(draft.policy && { "aegis.policy_version": draft.policy.snapshot.version }),
      });
      if (draft.decision === "deny" || draft.decision === "approval_needed")
        active.addEvent("aegis.policy_violation", {
          "aegis.decision": draft.decision,
          "aegis.reasons": draft.reasons.map((reason) => reason.code),
        });
      return draft;
    }),
  );
}
