import type { Candidate } from "./candidate.ts";
import { isObject } from "./candidate.ts";

const envelope = ["specversion", "id", "source", "type", "time", "datacontenttype", "tenant", "traceparent"];
const members = ["decisionId", "decision", "outcome", "agent", "tool", "action", "actionDigest", "policyVersion", "version", "producer"];
const principalMembers = ["org", "tenant", "agent", "subject", "depth", "instance", "tokenId"];

/**
 * What a leaf holds of an event that does not fit it: all that columns follow from. The whole is kept beside the leaf, which
 * names its digest.
 */
export function abridge(event: Readonly<Record<string, unknown>>): Pick<Candidate, "event" | "fields"> {
  const data = isObject(event.data) ? event.data : {};
  const principal = isObject(data.principal) ? { principal: pick(data.principal, principalMembers) } : {};
  const fields = { ...pick(event, envelope), data: { ...pick(data, members), ...principal } };
  return { event: Buffer.from(JSON.stringify(fields)), fields };
}

/** The named members, without those too long to be worth a place. */
function pick(from: Readonly<Record<string, unknown>>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.filter((name) => JSON.stringify(from[name])?.length < 2048).map((name) => [name, from[name]]));
}
