import type { Backing, Grant, HeldCall } from "#domain/grant.ts";

/** What is to be granted, before anybody stands behind it. */
export type Proposal = Omit<Grant, "state" | "backers" | "uses" | "revokedBy">;

/** One decision that makes use of a grant. */
export interface GrantUse {
  readonly grantId: string;
  readonly tenant: string;
  readonly agent: string;
  readonly instance: string;
  readonly actionDigest: string;
  readonly ruleDigest: string;
  /** A grant is used once for each. */
  readonly decisionId: string;
}

export interface Backed {
  readonly backing: Backing;
  readonly grant: Grant;
}

interface GrantFilter {
  readonly tenant: string;
  readonly agent?: string | undefined;
  /** Only older ones than this id. */
  readonly before?: string | undefined;
  readonly limit: number;
}

export interface GrantStore {
  /** Keeps a proposal with its first backer; undefined when that one may not back it, or the request is not known. */
  propose(proposal: Proposal, user: string, now: number): Promise<Backed | undefined>;
  /** One more person's yes, decided on the locked row. Undefined: there is no such grant. */
  back(tenant: string, id: string, user: string, now: number): Promise<Backed | undefined>;
  /** Whichever tenant's it is. */
  find(id: string): Promise<Grant | undefined>;
  /** Newest first. */
  list(filter: GrantFilter): Promise<Grant[]>;
  /** A live grant that lets this call pass; the one that ends first. */
  covering(tenant: string, call: HeldCall, now: number): Promise<Grant | undefined>;
  /** One conditional update that checks every binding; undefined when the grant is not there to be used. The same decision uses it once. */
  use(use: GrantUse, now: number): Promise<Grant | undefined>;
  /** Undefined: there is no such grant. Revoking again changes nothing. */
  revoke(tenant: string, id: string, by: string, now: number): Promise<Grant | undefined>;
  /** Every grant of one agent that could still be used. */
  revokeAllOf(tenant: string, agent: string, by: string, now: number): Promise<void>;
}

export interface GrantPorts {
  readonly grants: GrantStore;
  readonly newId: () => string;
}
