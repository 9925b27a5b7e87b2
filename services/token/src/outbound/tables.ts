import type { PublicJwk } from "@aegis/identity/keys";
import type { ColumnType, Generated, JSONColumnType } from "kysely";
import type { AgentKind, AgentState, RiskTier } from "#domain/agent.ts";

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
  assertions: { tenant: string; agent: string; id: string; expires_at: Date };
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
