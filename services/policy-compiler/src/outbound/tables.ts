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
  activations: { tenant: string; replica: string; revision: number; activated_at: Date; milliseconds_since_issue: number };
}
