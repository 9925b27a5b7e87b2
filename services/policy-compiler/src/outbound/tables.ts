import type { Digest } from "@aegis/canonical/digest";
import type { ColumnType, Generated } from "kysely";
import type { PolicyFile } from "#domain/revision.ts";

/** The tables of schema `policy_compiler`, as migrations make them. */
export interface Tables {
  heads: { tenant: string; revision: number };
  revisions: {
    tenant: string;
    revision: number;
    version: string;
    digest: Digest;
    source_digest: Digest;
    author: string;
    message: string;
    restores: number | null;
    created_at: Date;
    files: ColumnType<PolicyFile[], string, never>;
    tarball: ColumnType<Buffer, Uint8Array, never>;
    published_at: Generated<Date | null>;
    follows: number | null;
    proposed: boolean;
    approver: Generated<string | null>;
    approved_at: Generated<Date | null>;
    guarded: boolean;
    promotes: string[] | null;
    activated_at: Generated<Date | null>;
  };
  bundles: { tenant: string; revision: number; key_id: string; digest: Digest; tarball: Buffer | null };
  opa_instances: {
    tenant: string;
    instance: string;
    reported_by: string;
    version: string;
    revision: number | null;
    error: string | null;
    reported_at: Date;
  };
  opa_decisions: {
    tenant: string;
    decision_id: string;
    instance: string;
    path: string;
    agent: string | null;
    tool: string | null;
    action: string | null;
    decision: string | null;
    reasons: string[];
    revision: number | null;
    decided_at: Date;
    received_at: Generated<Date>;
  };
  activations: { tenant: string; replica: string; revision: number; activated_at: Date; milliseconds_since_issue: number };
}
