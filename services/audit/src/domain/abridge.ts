import type { Candidate } from "./candidate.ts";
import { isObject } from "./candidate.ts";

const envelope = ["specversion", "id", "source", "type", "time", "datacontenttype", "tenant", "traceparent"];
const members = [
  ...["decisionId", "decision", "outcome", "agent", "tool", "action", "actionDigest", "policyVersion", "version", "producer"],
  ...["approvalId", "resultOf", "overrideOf", "approval"],
];
const contextMembers = ["sessionId", "promptId"];
const principalMembers = ["org", "tenant", "agent", "subject", "depth", "instance", "tokenId"];

/**
 * What a leaf holds of an event that does not fit it: all that columns follow from. The whole is kept beside the leaf, which
 * names its digest.
 */
export function abridge(event: Readonly<Record<string, unknown>>): Pick<Candidate, "event" | "fields"> {
  const data = isObject(event.data) ? event.data : {};
  const principal = isObject(data.principal) ? { principal: pick(data.principal, principalMembers) } : {};
  const context = isObject(data.context) ? { context: pick(data.context, contextMembers) } : {};
  const reasons = Array.isArray(data.reasons) ? { reasons: data.reasons.slice(0, 100).map((reason) => pick(reason, ["code"])) } : {};
  const fields = { ...pick(event, envelope), data: { ...pick(data, members), ...principal, ...context, ...reasons } };
  return { event: Buffer.from(JSON.stringify(fields)), fields };
}

/** The named members, without those too long to be worth a place. */
function pick(value: unknown, names: readonly string[]): Record<string, unknown> {
  const from = isObject(value) ? value : {};
  return Object.fromEntries(names.filter((name) => JSON.stringify(from[name])?.length < 2048).map((name) => [name, from[name]]));
}
