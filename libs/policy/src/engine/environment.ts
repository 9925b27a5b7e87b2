import type { Environment } from "../cel/expression.ts";
import type { EvaluationInput } from "../input.ts";
import { parseDestination, plainMethod } from "./egress.ts";

/**
 * What expressions speak of, in one call. A destination without a single reading has a URL and a method, but no host and no path; so
 * has one whose host is spelled in Punycode or as an IPv6 address, which not every engine can check.
 */
export function environmentOf({ arguments: args, destination, principal, context, session, now }: EvaluationInput): Environment {
  const { tenant, agent: name, subject, depth, chain } = principal;
  const { purpose, promptId, sessionId } = context;
  return {
    args,
    dest: destination === undefined ? nowhere : placeOf(destination),
    agent: { name, tenant, subject, depth, chain },
    context: {
      ...(purpose !== undefined && { purpose }),
      ...(promptId !== undefined && { prompt_id: promptId }),
      ...(sessionId !== undefined && { session_id: sessionId }),
    },
    session: session ?? nothingSeen,
    now,
  };
}

const nowhere: Environment["dest"] = Object.freeze({});
const spelledHost = /^\[|(?:^|\.)xn--/;
const nothingSeen: Environment["session"] = Object.freeze({ labels: [], calls: [] });

function placeOf({ url, method }: NonNullable<EvaluationInput["destination"]>): Environment["dest"] {
  const place = parseDestination(url);
  const plain = plainMethod(method);
  return {
    url,
    ...(place && !spelledHost.test(place.host) && { host: place.host, path: place.path }),
    ...(plain !== undefined && { method: plain }),
  };
}
