import type { LedgerRow } from "@aegis/tlog/verify-ledger";
import type { StoredEntry } from "#usecases/ports.ts";

/** An entry for people and programs that query: its columns, and the event as this reader may see it. */
export function entryJson({ columns }: StoredEntry, event: unknown) {
  const { producer, epoch, producer_sequence: sequence } = columns;
  return {
    tenant: columns.tenant,
    sequence: columns.sequence,
    id: columns.id,
    kind: columns.kind,
    type: columns.type,
    subject: columns.subject,
    agent: columns.agent,
    tool: columns.tool,
    action: columns.action,
    decision: columns.decision,
    policyVersion: columns.policy_version,
    session: columns.session,
    prompt: columns.prompt,
    actionDigest: columns.action_digest,
    about: columns.about,
    occurredAt: columns.occurred_at,
    recordedAt: columns.recorded_at,
    producer: producer === null ? null : { id: producer, epoch, sequence },
    previousHash: columns.previous_hash,
    leafHash: columns.leaf_hash,
    event,
  };
}

/** A row for verifiers: nothing in it is derived from the leaf. */
export function rowJson({ columns, leaf, payload, retired }: LedgerRow) {
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
  if (retired !== undefined) return { columns, leaf: "", payload: null, retired: base64(retired) };
  return { columns, leaf: base64(leaf), payload: payload ? base64(payload) : null };
}
