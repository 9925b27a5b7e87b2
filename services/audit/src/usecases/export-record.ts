import { parseLeaf } from "@aegis/tlog/leaf";
import type { ExportRecord, Fields } from "#domain/export/record.ts";
import { fieldsOf } from "#domain/export/record.ts";
import type { StoredEntry } from "./ports.ts";

/** A stored entry as it may leave the house. */
export function exportRecord({ columns, leaf, payload }: StoredEntry): ExportRecord {
  const { kind } = columns;
  const event = (payload !== null && kind !== "quarantine" ? json(payload) : undefined) ?? parseLeaf(leaf)?.event;
  return {
    tenant: columns.tenant,
    sequence: columns.sequence,
    id: columns.id,
    kind,
    type: columns.type,
    agent: columns.agent,
    tool: columns.tool,
    action: columns.action,
    decision: columns.decision,
    policyVersion: columns.policy_version,
    occurredAt: columns.occurred_at,
    recordedAt: columns.recorded_at,
    occurredMs: Date.parse(columns.occurred_at),
    recordedMs: Date.parse(columns.recorded_at),
    leafHash: columns.leaf_hash,
    previousHash: columns.previous_hash,
    event: event === undefined ? null : kind === "quarantine" ? withoutContent(fieldsOf(event)) : fieldsOf(event),
  };
}

/** Whoever sent what was quarantined may have put anything into it, unredacted. */
function withoutContent(event: Fields): Fields {
  const { content: _content, ...data } = fieldsOf(event.data);
  return { ...event, data };
}

function json(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined;
  }
}
