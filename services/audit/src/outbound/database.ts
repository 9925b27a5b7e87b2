import type { Generated } from "kysely";

/** Tables of the schema `audit`, as kysely sees them. */
export interface AuditDatabase {
  entries: EntriesTable;
  heads: { tenant: string; size: number; frontier: Buffer; last_hash: Buffer };
  nodes: { tenant: string; level: number; index: number; hash: Buffer };
  checkpoints: { tenant: string; size: number; root: Buffer; note: string; recorded_at: Date };
  statements: StatementsTable;
  cosignatures: { tenant: string; size: number; witness: string; line: string };
  subject_keys: SubjectKeysTable;
  erasures: ErasuresTable;
  producers: { producer: string; epoch: string; highest: number; watermark: number; seen_at: Date };
}

interface SubjectKeysTable {
  tenant: string;
  subject: string;
  generation: number;
  sealed: string | null;
  made_at: Date;
  erased_at: Date | null;
}

export interface ErasuresTable {
  tenant: string;
  id: string;
  subject: string;
  reason: string;
  by: string;
  asked_at: Date;
  expires_at: Date;
  approver: string | null;
  done_at: Date | null;
}

interface StatementsTable {
  number: Generated<number>;
  producer: string;
  epoch: string;
  first: number;
  last: number;
  digest: Buffer;
  message: string;
  recorded_at: Generated<Date>;
}

interface EntriesTable {
  tenant: string;
  sequence: number;
  id: string;
  kind: string;
  type: string;
  subject: string;
  agent: string | null;
  tool: string | null;
  action: string | null;
  decision: string | null;
  policy_version: string | null;
  session: string | null;
  prompt: string | null;
  action_digest: string | null;
  reasons: string | null;
  about: string | null;
  occurred_at: Date;
  recorded_at: Date;
  producer: string | null;
  epoch: string | null;
  producer_sequence: number | null;
  previous_hash: Buffer;
  leaf_hash: Buffer;
  leaf: Buffer;
  payload: Buffer | null;
}
