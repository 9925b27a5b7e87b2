import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { StoredState } from "@aegis/tlog/stored-state";
import type { LedgerRow } from "@aegis/tlog/verify-ledger";
import { type Control, query } from "./control.ts";

/**
 * Each tenant's rows up to those that its state counts, so that entries which arrive meanwhile are no faults. `onState` gets what is
 * stored beside the rows.
 */
export async function* allRows(
  service: Control,
  tenants: readonly string[],
  onState: (state: StoredState) => Promise<void>,
): AsyncGenerator<LedgerRow> {
  for (const tenant of tenants) {
    let last = -1;
    for await (const row of rowsOf(service, tenant, undefined)) {
      last = Number(row.columns.sequence);
      yield row;
    }
    const state = await service.json<StoredState>(`/v1/ledger/${encodeURIComponent(tenant)}/state`, { timeoutMs: 600_000 });
    const size = Number(state.head?.size ?? 0);
    if (size > last + 1) {
      for await (const row of rowsOf(service, tenant, last)) {
        if (Number(row.columns.sequence) >= size) break;
        yield row;
      }
    }
    await onState(state);
  }
}

/** A line of `GET /v1/ledger/{tenant}/rows`; bytes in base64. */
interface StoredRow {
  columns: Record<string, unknown>;
  leaf: string;
  payload: string | null;
  /** What is left of an entry beyond retention. */
  retired?: string;
}

/** A tenant's rows beyond a sequence, or all of them, as they come. */
export async function* rowsOf(service: Control, tenant: string, after: number | undefined): AsyncGenerator<LedgerRow> {
  const response = await service.raw(`/v1/ledger/${encodeURIComponent(tenant)}/rows${query({ after })}`, { timeoutMs: 3_600_000 });
  if (!response.body) return;
  // Who has seen enough must not leave the rest on its way.
  const stream = Readable.fromWeb(response.body as never);
  try {
    for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
      if (line === "") continue;
      const row = JSON.parse(line) as StoredRow;
      const bytes = (text: string) => Buffer.from(text, "base64");
      const retired = row.retired === undefined ? undefined : bytes(row.retired);
      yield { columns: row.columns, leaf: bytes(row.leaf), payload: row.payload === null ? null : bytes(row.payload), retired };
    }
  } finally {
    stream.destroy();
  }
}
