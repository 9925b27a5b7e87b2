import type { JsonObject } from "@aegis/canonical/ijson";
import type { Reason } from "@aegis/contracts/reasons";
import { type ParameterCheck, prepareParameters } from "@aegis/policy/parameters";
import { detailsOf, type ToolCalls } from "./authorization-details.ts";
import type { AgentClaims } from "./claims.ts";

/** A call, as far as authorization details speak of it. Without arguments it is asked whether any would do. */
export interface DetailedCall {
  readonly tool: string;
  readonly action: string;
  readonly arguments?: JsonObject | undefined;
}

/**
 * Why a token's authorization details (RFC 9396) do not let a call pass; undefined where they do, and where it has none. One detail that
 * permits the call is enough. Details that are not understood permit nothing.
 */
export function refuseDetailed(claims: Pick<AgentClaims, "authorization_details">, call: DetailedCall): Reason | undefined {
  const read = detailsOf(claims);
  if (read === undefined) return undefined;
  if (!read.ok) return refuseUnread(claims);
  const about = read.calls.filter(({ tool, actions }) => tool === call.tool && (actions === undefined || actions.includes(call.action)));
  if (about.length === 0) return refused("the token's authorization details do not name this tool and action");
  if (call.arguments === undefined) return undefined;
  let first: Reason | undefined;
  for (const one of about) {
    const fault = faultOf(one, call.arguments);
    if (fault === undefined) return undefined;
    first ??= fault;
  }
  const { message, pointer } = first!;
  const several = about.length > 1 ? `, and ${about.length - 1} more of them permit no such call either` : "";
  return { ...refused(`the token's authorization details: ${message}${several}`), ...(pointer === undefined ? {} : { pointer }) };
}

/** Refuses a token with authorization details that are not understood: then nobody can tell what it is good for. */
export const refuseUnread = (claims: Pick<AgentClaims, "authorization_details">): Reason | undefined =>
  detailsOf(claims)?.ok === false ? refused("the token's authorization details are not understood here") : undefined;

const refused = (message: string): Reason => ({ code: "authorization_details_exceeded", message });

/** The first thing about a call's arguments that is not as it must be. A person's approval lifts nothing here. */
function faultOf(calls: ToolCalls, args: JsonObject): Reason | undefined {
  let check = checks.get(calls);
  if (check === undefined) {
    check = prepareParameters(calls.rules, new Map());
    checks.set(calls, check);
  }
  let first: Reason | undefined;
  const take = (reason: Reason) => {
    first ??= reason;
  };
  check(args, { deny: take, violation: take });
  return first;
}

const checks = new WeakMap<ToolCalls, ParameterCheck>();
