import { callJson } from "@aegis/http/client";
import type { Context } from "../context.ts";
import { control, explained, query } from "./control.ts";

/** An approval as the approvals service shows it; only id, state and votes while its event is still on the way. */
export interface Approval {
  id: string;
  state: "pending" | "approved" | "denied" | "expired" | "cancelled" | "redeemed";
  /** The state in words, with who decided. */
  outcome?: string;
  tenant?: string;
  agent?: string;
  tool?: string;
  action?: string;
  arguments?: Record<string, unknown>;
  reasons?: { code: string; message: string }[];
  actionDigest?: string;
  quorum?: number;
  /** How its arguments differ from what the agent asked before. */
  comparison?: { pointer: string; says: string; unusual: boolean }[];
  votes: { user: string; decision: "approve" | "deny"; comment: string; at: string }[];
  expiresAt?: string;
}

/** One thing that happened to an approval. */
export interface Happening {
  at: string;
  what: string;
  who: string[];
  comment: string;
}

/** How the approvals of one agent's call under one rule went. */
export interface Tally {
  agent: string;
  call: string;
  ruleDigest: string;
  queue: string;
  requested: number;
  pending: number;
  approved: number;
  denied: number;
  expired: number;
  cancelled: number;
  medianSeconds: number | null;
  /** Answers within five seconds, from 0 to 1. */
  quickShare: number | null;
}

export interface ApprovalsClient {
  statistics(tenant: string, days: number): Promise<Tally[]>;
  list(filter: { tenant: string; state?: string | undefined; queue?: string | undefined }): Promise<Approval[]>;
  show(id: string): Promise<Approval>;
  /** Oldest first; none while its event is still on the way. */
  history(id: string): Promise<Happening[]>;
  cancel(id: string, comment: string): Promise<Approval>;
  comment(id: string, comment: string): Promise<void>;
  vote(id: string, decision: "approve" | "deny", comment: string): Promise<Approval>;
}

/** The approvals API as a person with the role `approver`. */
export async function approvalsClient(
  context: Context,
  who: { tenant: string | undefined; user?: string | undefined; role?: "approver" | "admin" },
): Promise<ApprovalsClient> {
  const service = await control(context, "approvals", { role: who.role ?? "approver", tenant: who.tenant ?? "*", user: who.user });
  const at = (id: string) => `/v1/approvals/${encodeURIComponent(id)}`;
  return {
    list: async (filter) => (await service.json<{ approvals: Approval[] }>(`/v1/approvals${query(filter)}`)).approvals,
    show: (id) => service.json(at(id)),
    statistics: async (tenant, days) =>
      (await service.json<{ statistics: Tally[] }>(`/v1/approval-statistics${query({ tenant, days })}`)).statistics,
    history: async (id) => (await service.json<{ history: Happening[] }>(`${at(id)}/history`)).history,
    cancel: (id, comment) => service.json(`${at(id)}/cancel`, { json: { comment } }),
    comment: (id, comment) => service.json(`${at(id)}/comments`, { json: { comment } }),
    vote: (id, decision, comment) => service.json(`${at(id)}/votes`, { json: { decision, comment } }),
  };
}

/** Hands the agent its one-time token; the service gives it out once. */
export async function collectOverride(
  context: Context,
  id: string,
  agentToken: string,
): Promise<{ override_token: string; expiresAt: string }> {
  const url = `${(await context.endpoints()).approvals.http}/v1/approvals/${encodeURIComponent(id)}/override`;
  return explained("approvals", callJson(url, { method: "POST", bearer: agentToken }));
}
