import type { PublicJwk } from "@aegis/identity/keys";
import type { ColumnType, Generated, JSONColumnType, Transaction } from "kysely";
import type { AgentKind, AgentState, RiskTier, ScopeReview } from "#domain/agent.ts";
import type { Change, GuardedAction } from "#domain/proposal.ts";
import type { TrustedIssuer } from "#domain/trusted-issuer.ts";

/** The tables of schema `token`, as migrations make them. */
export interface Tables {
  agents: {
    tenant: string;
    agent: string;
    org: string;
    owner: string;
    purpose: string;
    kind: AgentKind;
    risk: RiskTier;
    scope: string[];
    may_act: string[];
    public_jwk: JSONColumnType<PublicJwk>;
    fingerprint: string | null;
    template: string | null;
    scope_reviews: JSONColumnType<ScopeReview[]>;
    state: AgentState;
    state_since: Date;
    created_at: Date;
    created_by: string;
  };
  tokens: {
    tenant: string;
    id: string;
    agent: string;
    parent_id: string | null;
    chain: string[];
    subject: string;
    scope: string;
    depth: number;
    issued_at: Date;
    expires_at: Date;
    revoked_at: ColumnType<Date | null, never, Date>;
  };
  stops: { tenant: string; kind: "owner" | "tenant"; name: string; since: Date; by: string };
  tenant_orgs: { tenant: string; org: string; since: Date; by: string };
  templates: {
    tenant: string;
    name: string;
    purpose: string;
    kind: AgentKind;
    risk: RiskTier;
    scope: string[];
    may_act: string[];
    scope_reviews: JSONColumnType<ScopeReview[]>;
    created_at: Date;
    created_by: string;
  };
  agent_use: { tenant: string; agent: string; last_issued_at: Date };
  registration_tokens: {
    tenant: string;
    id: string;
    hash: Buffer;
    scope: string[];
    may_act: string[];
    risk: RiskTier;
    owner: string;
    active: boolean;
    uses_left: number;
    expires_at: Date;
    created_at: Date;
    created_by: string;
  };
  assertions: { tenant: string; agent: string; id: string; expires_at: Date };
  trusted_issuers: {
    tenant: string;
    name: string;
    kind: TrustedIssuer["kind"];
    issuer: string;
    prefix: string;
    trust: JSONColumnType<Pick<TrustedIssuer, "audience" | "algorithms" | "jwksUri" | "jwks" | "rules">>;
    created_at: Date;
    created_by: string;
  };
  proposals: {
    tenant: string;
    id: string;
    action: GuardedAction;
    change: JSONColumnType<Change>;
    by: string;
    created_at: Date;
    expires_at: Date;
    approver: string | null;
    approved_at: Date | null;
    done_at: Date | null;
  };
  proofs: { id: string; expires_at: Date };
  signing_keys: {
    kid: string;
    sealed: Buffer;
    created_at: Date;
    signs_from: Date;
    published_until: Date | null;
  };
  outbox: { sequence: Generated<number>; id: string; subject: string; event: Buffer; created_at: Generated<Date> };
}

export type Trx = Transaction<Tables>;
