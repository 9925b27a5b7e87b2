import type { AgentClaims } from "@aegis/identity/claims";
import type { OutsideTrust } from "@aegis/identity/outside";
import type { VerifiedToken } from "@aegis/identity/verify";
import type { Agent } from "#domain/agent.ts";
import type { GrantOutcome, ParentRecord } from "#domain/grant.ts";
import type { TokenRevocation } from "#domain/revocation.ts";
import type { TrustedIssuer } from "#domain/trusted-issuer.ts";

export interface GrantStore {
  /** Takes an assertion's id, in one conditional insert; false when it was used before. */
  useAssertion(client: { readonly tenant: string; readonly agent: string }, id: string, expires: number): Promise<boolean>;
  /**
   * Decides with the agents' rows and the parent's locked against change, and records what was granted with its event in the
   * same transaction: what is suspended or revoked before the commit gets no token after it.
   */
  grant(
    request: {
      readonly tenant: string;
      readonly agent: string;
      /** The parent's chain, newest first, and its token's id. */
      readonly parent?: { readonly tokenId: string; readonly chain: readonly string[] } | undefined;
    },
    decide: (child: Agent, chain: readonly Agent[], parent: ParentRecord) => GrantOutcome,
  ): Promise<GrantOutcome>;
  /** Whether a recorded token may still be relied on: neither it nor an agent of its chain is revoked or suspended. */
  isLive(claims: AgentClaims): Promise<boolean>;
  /** Delegated tokens that an agent acts through or stands above and that have not expired, the newest first; at most 1,000. */
  delegations(tenant: string, agent: string, now: number): Promise<Delegation[]>;
  /** Who holds a token that has not expired. */
  holder(tenant: string, tokenId: string): Promise<{ readonly agent: string } | undefined>;
  /** Revokes a token and all that were delegated from it, with the event; the ones newly revoked. */
  revoke(tenant: string, tokenId: string, by: string, now: number): Promise<TokenRevocation[]>;
  /** Forgets tokens and assertions that have expired. */
  purge(): Promise<void>;
}

/** A delegated token as it was recorded. */
interface Delegation {
  readonly tokenId: string;
  readonly agent: string;
  readonly parentTokenId?: string;
  /** The agents that act through it, newest first. */
  readonly chain: readonly string[];
  readonly subject: string;
  readonly scope: string;
  readonly depth: number;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly revoked: boolean;
}

/** An agent that wants to hand work to another one. */
interface Spawn {
  readonly tenant: string;
  readonly parent: string;
  readonly child: string;
  readonly promptId: string | undefined;
  readonly sessionId: string | undefined;
}

/** Whoever owns budgets: a prompt whose quota is spent gets no further agents. */
export interface Spawning {
  /**
   * Why work must not be handed on now; undefined when it may be.
   *
   * @throws AegisError `unavailable` when nobody can say.
   */
  refusal(spawn: Spawn): Promise<{ readonly why: string; readonly retryAfterSeconds?: number } | undefined>;
}

/** DPoP proofs that were used. */
export interface ProofStore {
  /** Uses a proof up; false when it was used before, at any instance. */
  spend(id: string, now: Date): Promise<boolean>;
  /** Forgets proofs that are long past. */
  purge(): Promise<void>;
}

/** Issuers outside that tenants trust, and their keys. */
export interface IssuerStore {
  /** False when the tenant has one of that name, issuer or prefix. */
  add(issuer: TrustedIssuer): Promise<boolean>;
  /** By `iss`. */
  find(tenant: string, issuer: string): Promise<TrustedIssuer | undefined>;
  list(tenant: string): Promise<TrustedIssuer[]>;
  remove(tenant: string, name: string): Promise<boolean>;
  keysOf(issuer: TrustedIssuer): OutsideTrust["keys"];
}

/** Verifies access tokens of this server. */
export interface TokenVerifier {
  verify(token: string): Promise<VerifiedToken>;
}
