import type { Context } from "../context.ts";
import { control, query } from "./control.ts";

/** What one argument must be under a grant. */
export interface Bound {
  min?: number;
  max?: number;
  equals?: string | number | boolean | null;
}

/** Standing leave, as the approvals service shows it. */
export interface Grant {
  id: string;
  state: "proposed" | "live" | "revoked" | "expired" | "used up";
  tenant: string;
  approvalId: string;
  agent: string;
  /** Null: on whoever's behalf. */
  subject: string | null;
  tool: string;
  action: string;
  bounds: Record<string, Bound>;
  uses: number;
  maxUses: number;
  quorum: number;
  backers: string[];
  comment: string;
  expiresAt: string;
  revokedBy: string | null;
}

interface GrantTerms {
  bounds: Record<string, Bound>;
  anyArguments: boolean;
  anySubject: boolean;
  maxUses: number;
  expiresInSeconds: number;
  comment: string;
}

/** Pending calls that have agent, call and rule in common. */
export interface Group {
  agent: string;
  subject: string;
  tool: string;
  action: string;
  queue: string;
  quorum: number;
  ids: string[];
  arguments: Record<string, unknown>[];
}

/** What came of one of several votes. */
interface VoteResult {
  id: string;
  state?: string;
  error?: string;
}

export interface GrantsClient {
  grant(approvalId: string, terms: GrantTerms): Promise<Grant>;
  list(filter: { tenant: string; agent?: string | undefined }): Promise<Grant[]>;
  back(id: string): Promise<Grant>;
  revoke(id: string): Promise<Grant>;
  groups(tenant: string): Promise<Group[]>;
  voteAll(votes: { tenant: string; ids: string[]; decision: "approve" | "deny"; comment: string }): Promise<VoteResult[]>;
}

/** Standing leave and answers to many, as a person with the role `approver`. */
export async function grantsClient(
  context: Context,
  who: { tenant: string | undefined; user?: string | undefined },
): Promise<GrantsClient> {
  const service = await control(context, "approvals", { role: "approver", tenant: who.tenant ?? "*", user: who.user });
  const at = (id: string) => `/v1/grants/${encodeURIComponent(id)}`;
  return {
    grant: (approvalId, terms) => service.json(`/v1/approvals/${encodeURIComponent(approvalId)}/grants`, { json: terms }),
    list: async (filter) => (await service.json<{ grants: Grant[] }>(`/v1/grants${query(filter)}`)).grants,
    back: (id) => service.json(`${at(id)}/back`, { method: "POST" }),
    revoke: (id) => service.json(at(id), { method: "DELETE" }),
    groups: async (tenant) => (await service.json<{ groups: Group[] }>(`/v1/approval-groups${query({ tenant })}`)).groups,
    voteAll: async (votes) => (await service.json<{ results: VoteResult[] }>("/v1/approvals:vote", { json: votes })).results,
  };
}
