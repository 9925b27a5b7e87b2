import { RateLimitResponse_Code as Code, type RateLimitRequest, RateLimitService } from "@aegis/contracts/envoy/service/ratelimit/v3/rls";
import { AegisError } from "@aegis/contracts/errors";
import { toolPattern } from "@aegis/contracts/name-patterns";
import type { RpcServer } from "@aegis/rpc/server";
import { type AdmitHits, mostHits } from "#usecases/admit-hits.ts";
import { authorizationOf } from "./presented.ts";

/** More descriptors than this are one request of nobody's. */
const mostDescriptors = 16;

/**
 * Serves `envoy.service.ratelimit.v3.RateLimitService`: the policies' rates for what is asked nothing else. Every descriptor says whose hit
 * it is by the entry `authorization`, and may name a tool by `aegis-tool`. Who cannot be told is an error, which a gateway must take for a
 * refusal.
 */
export function serveRateLimit(server: RpcServer, { admitHits }: { readonly admitHits: AdmitHits }): void {
  server.serve(RateLimitService, {
    shouldRateLimit: async (request, { path }) => {
      const asked = hitsOf(request);
      const arrived = { path, traceparent: undefined };
      const answers = await Promise.all(
        asked.map(({ authorization, ...hit }) => admitHits({ ...arrived, authorization: authorizationOf(authorization) }, hit)),
      );
      const waits = answers.flatMap((answer) => answer?.retryAfter ?? []);
      const headers = waits.length === 0 ? [] : [{ key: "retry-after", value: String(Math.max(...waits)) }];
      return {
        overallCode: waits.length === 0 ? Code.OK : Code.OVER_LIMIT,
        statuses: answers.map((answer) =>
          answer === undefined
            ? { code: Code.OK }
            : { code: Code.OVER_LIMIT, durationUntilReset: { seconds: BigInt(Math.ceil(answer.retryAfter)) } },
        ),
        responseHeadersToAdd: headers,
      };
    },
  });
}

function hitsOf({ descriptors, hitsAddend }: RateLimitRequest) {
  if (descriptors.length === 0 || descriptors.length > mostDescriptors) throw invalid(`1 to ${mostDescriptors} descriptors are needed`);
  return descriptors.map(({ entries }) => {
    const entry = (key: string) => {
      const values = entries.filter((one) => one.key === key);
      if (values.length > 1) throw invalid(`a descriptor has ${key} twice`);
      return values[0]?.value;
    };
    const authorization = entry("authorization");
    if (authorization === undefined) throw invalid("a descriptor does not say whose hit it is: send the header authorization as an entry");
    const tool = entry("aegis-tool");
    if (tool !== undefined && !toolPattern.test(tool)) throw invalid("aegis-tool is not a tool's name");
    const hits = hitsAddend || 1;
    if (hits > mostHits) throw invalid(`more than ${mostHits} hits at once`);
    return { authorization, tool, hits };
  });
}

const invalid = (message: string) => new AegisError("invalid_argument", message);
