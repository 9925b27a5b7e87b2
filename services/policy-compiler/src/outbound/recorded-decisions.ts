import { AegisError } from "@aegis/contracts/errors";
import { callHttp, callJson } from "@aegis/http/client";
import type { UsageCount } from "@aegis/policy/analysis/drift";
import type { RecordedDecision } from "@aegis/policy/analysis/recorded-call";
import type { Reader, RecordedDecisions, Window } from "#usecases/analysis-ports.ts";

/** A long window is read for as long as it takes; a ledger that says nothing for so long is away. */
const longestReadMs = 30 * 60_000;
const newline = 10;

/** Reads recorded decisions from audit, in the name of who asks. `url`: audit's; absent when this instance was told of none. */
export function recordedDecisions(url: string | undefined): RecordedDecisions {
  return {
    async *read(reader, window, signal) {
      const call = { headers: { authorization: reader.authorization }, timeoutMs: longestReadMs, signal };
      const response = await callHttp(`${known(url)}/v1/decisions:export?${query(reader, window)}`, call);
      try {
        for await (const lines of linesOf(response)) yield lines.map(recordOf);
      } catch (cause) {
        if (cause instanceof AegisError || signal.aborted) throw cause;
        throw new AegisError("unavailable", "the ledger could not be read to its end", { cause });
      }
    },
    async usage(reader, window) {
      const call = { headers: { authorization: reader.authorization }, timeoutMs: longestReadMs };
      const { usage } = await callJson<{ usage: UsageCount[] }>(`${known(url)}/v1/decisions:usage?${query(reader, window)}`, call);
      return usage;
    },
  };
}

export function known(url: string | undefined): string {
  if (url === undefined) throw new AegisError("unavailable", "this policy-compiler was not told where audit and token are");
  return url;
}

function query({ tenant }: Reader, { from, to, agent }: Window): URLSearchParams {
  return new URLSearchParams({ tenant, from: from.toISOString(), to: to.toISOString(), ...(agent === undefined ? {} : { agent }) });
}

/** Whole lines, as many as came at once. */
async function* linesOf(response: Response): AsyncGenerator<string[]> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of response.body ?? []) {
    const bytes = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    const end = bytes.lastIndexOf(newline);
    rest = Buffer.from(bytes.subarray(end + 1));
    if (end >= 0) yield bytes.toString("utf8", 0, end).split("\n");
  }
  if (rest.length > 0) throw new AegisError("unavailable", "the ledger's answer was cut off");
}

function recordOf(line: string): RecordedDecision {
  const { event } = JSON.parse(line) as { event: RecordedDecision };
  return { time: event.time, data: event.data };
}
