import type { ColumnType, Generated } from "kysely";
import type { ApprovalState } from "#domain/approval.ts";
import type { Notice, Target } from "#domain/channel.ts";
import type { Grant } from "#domain/grant.ts";

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
    policy_version: string | null;
    redeemed_instance: string | null;
  };
  aliases: { id: string; tenant: string; approval_id: string; instance: string; decision_id: string | null };
  access_requests: {
    tenant: string;
    agent: string;
    idempotency_key: string;
    submission_digest: string;
    approval_id: string;
    forget_at: Date;
  };
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
  channels: {
    tenant: string;
    name: string;
    queues: string[];
    after_seconds: number;
    target: ColumnType<Target, string, string>;
    changed_by: string;
    changed_at: Date;
  };
  deliveries: {
    id: string;
    tenant: string;
    approval_id: string;
    channel: string;
    recipient: string;
    notice: Notice;
    about: Generated<string>;
    state: Generated<"due" | "sent" | "dropped">;
    next_at: Date;
    attempts: Generated<number>;
    nonce: string;
    reference: string | null;
    last_error: string | null;
    created_at: Date;
    settled_at: Date | null;
  };
  alerts: {
    id: string;
    tenant: string;
    channel: string;
    recipient: string;
    /** JSON of an alert. */
    alert: string;
    state: Generated<"due" | "sent" | "dropped">;
    next_at: Date;
    attempts: Generated<number>;
    last_error: string | null;
    created_at: Date;
    settled_at: Date | null;
  };
  members: { tenant: string; channel: string; member: string; person: string; registered_by: string; registered_at: Date };
  policy_authors: { tenant: string; version: string; author: string };
  history: {
    sequence: Generated<number>;
    approval_id: string;
    tenant: string;
    at: Date;
    what: string;
    who: string[];
    comment: string;
  };
  owners: { tenant: string; agent: string; owner: string };
  grants: {
    id: string;
    tenant: string;
    approval_id: string;
    state: Grant["state"];
    agent: string;
    subject: string | null;
    tool: string;
    action: string;
    rule_digest: string;
    queue: string;
    quorum: number;
    bounds: ColumnType<Grant["bounds"], string, never>;
    max_uses: number;
    uses: Generated<number>;
    comment: string;
    created_at: Date;
    expires_at: Date;
    revoked_by: string | null;
    revoked_at: Date | null;
  };
  grant_backers: { grant_id: string; tenant: string; voter: string; person: string; backed_at: Date };
  grant_uses: { decision_id: string; tenant: string; grant_id: string; instance: string; action_digest: string; used_at: Date };
}
