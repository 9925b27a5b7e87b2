import { digestOf } from "@aegis/canonical/digest";
import type { Reason } from "@aegis/contracts/reasons";
import type { SessionFacts } from "../input.ts";
import { type Policy, type PolicySet, priceExpression, type SessionRule } from "../ir.ts";
import { matchesName } from "./limits.ts";
import { mentions } from "./mentions.ts";
import type { Asking } from "./outcome.ts";

/** What was seen in a session forbids a call: at one rule, by refusal or by asking. */
export interface PreparedSessionRule extends Asking {
  readonly applies: (facts: SessionFacts, tool: string, action: string) => boolean;
  readonly asks: boolean;
  readonly reason: Reason;
}

/** What becomes of a call by an agent that is not what was approved. */
export interface PreparedDrift extends Asking {
  readonly action: "deny" | "approval_needed" | "flag";
  readonly reason: Reason;
}

export function prepareSession(rules: readonly SessionRule[] | undefined): readonly PreparedSessionRule[] {
  return rules === undefined ? none : rules.map(prepareRule);
}

/**
 * What a call has to do with its session. `require`: its facts must be known and recorded, or the call is not let through. `try`: they are
 * where they can be had. `none`: nobody asks.
 */
export type SessionDuty = "require" | "try" | "none";

/** Whether a policy asks what was seen in a session, by its rules or by a condition or price. */
export const asksSession = (policy: Policy): boolean =>
  (policy.session !== undefined && policy.session.length > 0) || speaksOfSession(policy);

const speaksOfSession = ({ tools }: Policy): boolean =>
  tools.some(({ actions }) =>
    actions.some((action) => {
      const [condition, price] = [action.when?.expression, priceExpression(action)];
      return (condition && mentions(condition, "session")) || (price && mentions(price, "session"));
    }),
  );

/**
 * Who asks, anywhere in the tenant's enforced policies, for what a call leaves in its session: a rule that is about it, or conditions
 * that may be. Undefined when nobody asks for anything.
 */
export function sessionAudience({ policies }: PolicySet): ((left: SessionFacts) => "rule" | "condition" | undefined) | undefined {
  const enforced = policies.filter(({ mode }) => mode === "enforce");
  const rules = enforced.flatMap(({ session }) => session ?? []).map(({ after }) => prepareSeen(after));
  const speaks = enforced.some(speaksOfSession);
  if (rules.length === 0 && !speaks) return undefined;
  return (left) => (rules.some((seen) => seen(left)) ? "rule" : speaks ? "condition" : undefined);
}

export function prepareDrift({ name, onDrift }: Policy): PreparedDrift | undefined {
  if (onDrift === undefined) return undefined;
  return {
    action: onDrift.action,
    agentWide: true,
    digest: digestOf({ policy: name, onDrift: onDrift.action }),
    reason: Object.freeze<Reason>({ code: "drift_detected", message: "the agent is not the one that was approved", rule: onDrift.rule }),
  };
}

const none: readonly PreparedSessionRule[] = [];

function prepareRule({ after, deny, unless, rule, digest }: SessionRule): PreparedSessionRule {
  const seen = prepareSeen(after);
  const forbidden = deny.map(prepareCallPattern);
  return {
    applies: (facts, tool, action) => seen(facts) && forbidden.some((matches) => matches(tool, action)),
    asks: unless === "approval",
    agentWide: true,
    digest,
    reason: Object.freeze<Reason>({ code: "session_flow", message: `after ${after} in the session, this call is not allowed`, rule }),
  };
}

/** With a colon, `after` is a call; else it is a label. */
function prepareSeen(after: string): (facts: SessionFacts) => boolean {
  if (!after.includes(":")) return ({ labels }) => labels.some((label) => matchesName(after, label));
  const matches = prepareCallPattern(after);
  return ({ calls }) =>
    calls.some((call) => {
      const [tool, action] = splitCall(call);
      return matches(tool, action);
    });
}

/** A pattern `tool:action`, either side of which may end in `*`; without a colon, any action of the tool. */
function prepareCallPattern(pattern: string): (tool: string, action: string) => boolean {
  const [toolPattern, actionPattern] = splitCall(pattern);
  return (tool, action) => matchesName(toolPattern, tool) && matchesName(actionPattern, action);
}

/** A call as a session remembers it: a colon inside a name does not end it. */
export const callName = (tool: string, action: string): string => `${tool.replaceAll(":", "%3A")}:${action.replaceAll(":", "%3A")}`;

/** A colon inside a tool's name is spelled `%3A`, so the first colon ends it; inside an action's it may be spelled either way. */
function splitCall(call: string): readonly [string, string] {
  const end = call.indexOf(":");
  return end < 0 ? [call, "*"] : [call.slice(0, end), call.slice(end + 1).replaceAll("%3A", ":")];
}
