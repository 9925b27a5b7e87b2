import type { Agent, AgentState, Transition } from "#domain/agent.ts";
import type { Ceiling, Proposal } from "#domain/proposal.ts";
import type { RegistrationToken } from "#domain/registration-token.ts";
import type { TokenRevocation } from "#domain/revocation.ts";
import type { Template } from "#domain/template.ts";
import type { OrgReading } from "./read-for-org.ts";

/** Times are milliseconds since the epoch. */
export interface AgentStore {
  /**
   * Keeps a new agent, in its tenant's organisation, and the event that says so; the agent as it is kept, or undefined when
   * the tenant has one of that name.
   *
   * @throws AegisError `invalid_argument` when it names another organisation.
   */
  add(agent: Agent): Promise<Agent | undefined>;
  find(tenant: string, agent: string): Promise<Agent | undefined>;
  /** By name. */
  list(tenant: string, after: string | undefined, limit: number): Promise<Agent[]>;
  /** Decides on the locked row and keeps what follows with its event, in one transaction. Undefined: there is no such agent. */
  change(
    ref: { readonly tenant: string; readonly agent: string },
    decide: (agent: Agent) => Transition,
    by: string,
    now: number,
  ): Promise<{ readonly agent: Agent; readonly transition: Transition } | undefined>;
  /**
   * Revokes every agent of an owner or a tenant and keeps new ones out, in one transaction with the events; the names of those it
   * revoked. An owner's name is compared in lower case.
   */
  stop(
    target: { readonly kind: "owner" | "tenant"; readonly tenant: string; readonly name: string },
    by: string,
    now: number,
  ): Promise<string[]>;
  /** Says what the agent is made of from now on, with the event. Undefined: there is no such agent. */
  approveFingerprint(
    ref: { readonly tenant: string; readonly agent: string },
    fingerprint: string,
    by: string,
    now: number,
  ): Promise<Agent | undefined>;
  /**
   * Gives an agent another ceiling, with the event, and revokes its tokens that hold more, with all below them, in one transaction.
   * `wider`: nothing was changed, for it would be wider. With a `proposal` that is noted as done in the same transaction; when it was
   * before, nothing is changed. Undefined: there is no such agent.
   */
  rescope(
    ref: { readonly tenant: string; readonly agent: string },
    ceiling: Ceiling,
    order: { readonly by: string; readonly now: number; readonly mayWiden: boolean; readonly proposal?: string | undefined },
  ): Promise<
    | { readonly kind: "changed"; readonly agent: Agent; readonly revoked: readonly TokenRevocation[] }
    | { readonly kind: "wider" }
    | { readonly kind: "ended"; readonly state: AgentState }
    | undefined
  >;
  /** When each agent of a tenant was last given a token. */
  lastUse(tenant: string): Promise<ReadonlyMap<string, number>>;
  /** Runs `use` while the agent's row is locked, so that what it tells others is never older than what was told before. */
  holding(tenant: string, agent: string, use: (state: AgentState, since: number) => Promise<void>): Promise<void>;
}

/** Initial access tokens, by the hash of their secret. */
export interface RegistrationTokenStore {
  add(token: RegistrationToken, secret: string): Promise<void>;
  /**
   * Takes one use, by one conditional update, and registers what `decide` makes of the token, in one transaction: when `decide` throws,
   * nothing is spent. Undefined: the token is unknown, spent or expired. `added` is false when there is an agent of that name.
   */
  spend(
    token: { readonly tenant: string; readonly id: string; readonly secret: string },
    now: number,
    decide: (token: RegistrationToken) => Agent,
  ): Promise<{ readonly agent: Agent; readonly added: boolean } | undefined>;
}

/** What waits for a second person. Tenant "*" is what concerns all tenants. */
export interface ProposalStore {
  add(proposal: Proposal): Promise<void>;
  find(tenant: string, id: string): Promise<Proposal | undefined>;
  /** Neither approved nor expired, or approved and not done yet; the newest first, at most 500. */
  open(tenant: string, now: number): Promise<Proposal[]>;
  /** Names the approver by one conditional update; false when somebody did before, or it has expired. */
  take(tenant: string, id: string, approver: string, now: number): Promise<boolean>;
  /** Takes the approver's name back: what was agreed to could not be done. */
  reopen(tenant: string, id: string): Promise<void>;
  /** What was agreed to is done. */
  finish(tenant: string, id: string, now: number): Promise<void>;
  /** What was agreed to before a time and is not done, in all tenants. */
  undone(before: number): Promise<(Proposal & { readonly approver: string })[]>;
  /** Takes what is still undone, and was agreed to before a time, by one conditional update; false when another instance did. */
  claim(tenant: string, id: string, before: number, now: number): Promise<boolean>;
}

/** What agents of one sort are, by tenant and name. */
export interface TemplateStore {
  /** False when the tenant has one of that name. */
  add(template: Template): Promise<boolean>;
  /** By name; at most 500. With a name, that one or none. */
  list(tenant: string, name?: string): Promise<Template[]>;
  remove(tenant: string, name: string): Promise<boolean>;
}

/** Organisations, and the tenants they have. */
export interface OrgStore {
  /** With the event, and in every agent of the tenant from now on. Undefined: the tenant belongs to none. */
  assign(tenant: string, org: string | undefined, by: string, now: number): Promise<void>;
  tenantsOf(org: string): Promise<string[]>;
  /** Keeps the event of a read if it may be, for an auditor of the organisation the tenant has; false when it may not. */
  read(reading: OrgReading, mayRead: (org: string | undefined) => boolean, now: number): Promise<boolean>;
}
