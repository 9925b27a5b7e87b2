import type { Generated } from "kysely";
import type { ApprovalState } from "#domain/approval.ts";

/** The tables of schema `approvals`, as migrations make them. */
export interface Tables {
  approvals: {
    id: string;
    tenant: string;
    state: ApprovalState;
    agent: string;
    subject: string;
    chain: string[];
    tool: string;
    action: string;
    arguments: Record<string, unknown>;
    reasons: unknown[];
    action_digest: string;
    rule_digest: string;
    queue: string;
    quorum: number;
    requested_at: Date;
    expires_at: Date;
    decided_by: Generated<string[]>;
    decided_at: Date | null;
    version: Generated<number>;
    override_hash: Buffer | null;
    override_instance: string | null;
    redeemed_by: string | null;
    redeemed_at: Date | null;
  };
  aliases: { id: string; tenant: string; approval_id: string; instance: string };
  votes: {
    sequence: Generated<number>;
    approval_id: string;
    tenant: string;
    voter: string;
    person: string;
    decision: "approve" | "deny";
    comment: string;
    voted_at: Date;
  };
  owners: { tenant: string; agent: string; owner: string };
}
