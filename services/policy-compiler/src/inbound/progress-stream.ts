import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { AegisError } from "@aegis/contracts/errors";
import { problemOf } from "@aegis/http/problem";

const everyMs = 200;

export interface Streamed {
  readonly accept: string | undefined;
  readonly reply: { readonly raw: ServerResponse; type(mediaType: string): { send(body: Readable): unknown } };
}

/**
 * Answers with what long work comes to. A client that accepts `application/x-ndjson` is told meanwhile how far it is, in lines
 * `{"progress":{"records":n}}`, and at the end gets `{"result":…}` or, since the status is out by then, `{"problem":…}`.
 */
export async function answerWithProgress<T>(
  { accept, reply }: Streamed,
  work: (progress: (records: number) => void, signal: AbortSignal) => Promise<T>,
): Promise<unknown> {
  // Not the request's own signal: that one ends with the request's body. Who hangs up has no use for the rest of the work.
  const gone = new AbortController();
  reply.raw.once("close", () => gone.abort());
  const { signal } = gone;
  if (!(accept ?? "").includes("application/x-ndjson")) return work(() => undefined, signal);
  const lines = new Readable({ read: () => undefined });
  const write = (line: unknown) => lines.push(`${JSON.stringify(line)}\n`);
  let told = 0;
  const progress = (records: number) => {
    const now = performance.now();
    if (now - told < everyMs) return;
    told = now;
    write({ progress: { records } });
  };
  work(progress, signal)
    .then(
      (result) => write({ result }),
      (caught: unknown) => write({ problem: problemOf(AegisError.from(caught)) }),
    )
    .finally(() => lines.push(null));
  return reply.type("application/x-ndjson").send(lines);
}
