import type { ExportRecord } from "#domain/export/record.ts";
import { noneTaken, pauseAfter, type Settled } from "#domain/sink.ts";
import type { ExportPorts, Sink } from "./export-ports.ts";
import { exportRecord } from "./export-record.ts";

const page = 500;
/** Batches that one sink may have in a row while others wait. */
const turn = 20;
const claims = 8;

export interface DeliverOptions {
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly stopping: () => boolean;
  /** Whether something else has precedence: then one sink has one batch. */
  readonly givesWay: () => boolean;
}

/**
 * Sends what sinks have not had yet. Each entry is sent at least once, a tenant's in the order of its ledger: a sink has one sender at a
 * time among all instances, and its cursor moves only once its target has taken a batch or refused entries of it for good. Resolves to
 * how many sinks had something to send.
 */
export function deliver(ports: ExportPorts, options: DeliverOptions): () => Promise<number> {
  return async () => {
    const claimed = await ports.sinks.claim(options.givesWay() ? 1 : claims);
    await Promise.all(claimed.map((sink) => serve(ports, sink, options)));
    return claimed.length;
  };
}

async function serve(ports: ExportPorts, sink: Sink, { random, stopping, givesWay }: DeliverOptions): Promise<void> {
  let { cursor } = sink;
  for (let batch = 0; batch < turn && !stopping(); batch++) {
    const entries = await ports.rows.beyond(sink.tenant, cursor, page, {});
    const last = entries.at(-1)?.columns.sequence;
    if (last === undefined) break;
    const wanted = entries.map(exportRecord).filter(({ kind }) => sink.kinds.length === 0 || sink.kinds.includes(kind));
    const { settled, rejected, failure } = await send(ports, sink, wanted);
    // What was filtered out before the first entry that is still to be sent is settled with those before it.
    const reached = settled === wanted.length ? last : (wanted[settled]?.sequence ?? 0) - 1;
    if (reached > cursor) {
      cursor = reached;
      if (!(await ports.sinks.advance(sink, cursor, { delivered: settled - rejected.length, rejected }))) return;
      ports.exportSignals.delivered(sink.target.kind, settled - rejected.length, rejected.length);
    }
    if (failure !== undefined) {
      const failures = reached > sink.cursor ? 1 : sink.failures + 1;
      await ports.sinks.failed(sink, failure, pauseAfter(failures, random()));
      ports.exportSignals.undelivered({ tenant: sink.tenant, sink: sink.name, kind: sink.target.kind, failures }, failure);
      return;
    }
    if (givesWay()) break;
  }
  await ports.sinks.release(sink);
}

async function send({ carriers }: ExportPorts, sink: Sink, records: readonly ExportRecord[]): Promise<Settled> {
  if (records.length === 0) return { settled: 0, rejected: [] };
  const { tenant, name, target, format } = sink;
  try {
    return await carriers[target.kind]({ tenant, name, target, format, records });
  } catch (error) {
    return noneTaken(error instanceof Error ? error.message.slice(0, 500) : "failed");
  }
}
