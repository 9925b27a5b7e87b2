import type { AgentClaims } from "@aegis/identity/claims";
import type { ProofNonces } from "@aegis/identity/dpop-nonce";
import type { PublicJwk } from "@aegis/identity/keys";
import type { OutsideTrust } from "@aegis/identity/outside";
import type { VerifiedToken } from "@aegis/identity/verify";
import type { Agent, AgentCommand, AgentState, Transition } from "#domain/agent.ts";
import type { GrantOutcome, ParentRecord } from "#domain/grant.ts";
import type { OAuthErrorCode } from "#domain/oauth-refusal.ts";
import type { Ceiling, GuardedAction, Proposal } from "#domain/proposal.ts";
import type { RegistrationToken } from "#domain/registration-token.ts";
import type { Revocation, StopTarget, TokenRevocation } from "#domain/revocation.ts";
import type { TrustedIssuer } from "#domain/trusted-issuer.ts";

/** Times are milliseconds since the epoch. */
export interface AgentStore {
  /** Keeps a new agent and the event that says so; false when the tenant has one of that name. */
  add(agent: Agent): Promise<boolean>;
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
   * `wider`: nothing was changed, for it would be wider. Undefined: there is no such agent.
   */
  rescope(
    ref: { readonly tenant: string; readonly agent: string },
    ceiling: Ceiling,
    order: { readonly by: string; readonly now: number; readonly mayWiden: boolean },
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
  /** Neither approved nor expired, the newest first; at most 500. */
  open(tenant: string, now: number): Promise<Proposal[]>;
  /** Names the approver by one conditional update; false when somebody did before, or it has expired. */
  take(tenant: string, id: string, approver: string, now: number): Promise<boolean>;
  /** Takes the approver's name back: what was agreed to could not be done. */
  reopen(tenant: string, id: string): Promise<void>;
}

/** What Postgres says of every tenant at once. */
export interface RevocationStore {
  /** All that is stopped or revoked and still matters. */
  all(now: number): Promise<Revocation[]>;
  /** Agents that were stopped once and are active since `after`. */
  resumed(after: number): Promise<{ readonly tenant: string; readonly agent: string }[]>;
}

/** The bucket that policy decision points watch. Calls reject while NATS is away. */
export interface RevocationBoard {
  /** Writes unless the same is there; the revision of the bucket that holds it. */
  put(key: string, value: string): Promise<number>;
  remove(key: string): Promise<void>;
  /** Something may not have reached the bucket. */
  missed(): void;
  /** A mark that differs from 0 while the bucket may lack something: at the start, after every break of the connection, after `missed`. */
  behind(): number;
  /** All that was missed up to the mark has been told. */
  caughtUp(mark: number): void;
}

/** An order to revoke, taken while PostgreSQL was away. */
export interface Order {
  readonly target: StopTarget;
  readonly by: string;
  readonly at: number;
}

/** Orders that PostgreSQL has not seen yet, on this machine's disk. */
export interface Journal {
  /** Resolves once it is on the disk. @throws AegisError `unavailable` without a journal. */
  add(order: Order): Promise<void>;
  pending(): readonly Order[];
  /** Forgets an order that was carried out. */
  settle(order: Order): Promise<void>;
}

/** A replica that decides, and how it came to know of a revocation; neither when it did not say so in time. */
export interface ReplicaStop {
  readonly replica: string;
  readonly how?: "push" | "poll";
  /** Milliseconds from the order until this service heard that the replica enforces it. */
  readonly ms?: number;
}

/** The replicas of authz, as they show what they enforce. */
export interface Enforcers {
  /**
   * Waits until every live replica enforces the bucket's `revision`, or has fetched a snapshot that says what was so at `since` (of
   * PostgreSQL, or of the journal alone when `journaled`); for `ms` at most. `begun` is what milliseconds are counted from, on the
   * clock of `performance`.
   */
  stopped(
    order: { readonly revision: number | undefined; readonly since: number; readonly begun: number; readonly journaled: boolean },
    ms: number,
  ): Promise<ReplicaStop[]>;
  /** A replica fetched a snapshot: PostgreSQL as of `asOf`, the journal as of `at`. */
  fetched(replica: string, snapshot: { readonly asOf: number; readonly at: number }): void;
}

/** The keys of this authorization server. */
export interface Keys {
  /** Signs claims as a JWT of that type with the key in force. */
  sign(claims: object, type: string): Promise<string>;
  /** What verifiers are told: JWKs with `kid`, `alg`, `use`. */
  published(): readonly PublicJwk[];
  /** Adds a key that signs once every verifier can know it, and lets the present one lapse; its kid, or undefined while one is being rotated in, or the newest has not signed for `olderThanMs` yet. */
  rotate(olderThanMs?: number): Promise<{ readonly kid: string; readonly signsFrom: number } | undefined>;
}

/** A key that can sign, wherever its private half is. */
export interface SigningKey {
  /** With `kid` and `alg`. */
  readonly publicJwk: PublicJwk & { readonly kid: string };
  /** A JWS signature (RFC 7518 §3.4, RFC 8037 §3.1) over these bytes. @throws AegisError `unavailable`. */
  sign(input: Uint8Array): Promise<Uint8Array>;
}

/**
 * Where private keys live. This process's own vault seals them into the database; a KMS would keep them to itself, and `kept` would
 * be the name that it knows one by.
 */
export interface KeyVault {
  /** A new key, and what is kept of it in the database. */
  create(): Promise<{ readonly kid: string; readonly kept: Buffer }>;
  /** @throws AegisError `precondition_failed` for what this vault has not made; `unavailable`. */
  open(kid: string, kept: Uint8Array): Promise<SigningKey>;
}

/** Verifies access tokens of this server. */
interface TokenVerifier {
  verify(token: string): Promise<VerifiedToken>;
}

export interface Clock {
  now(): Date;
}

export interface Ids {
  /** UUIDv7. */
  next(): string;
  /** 32 random bytes in base64url. */
  secret(): string;
  /** A short random name for a copy of an agent. */
  instance(): string;
}

/** What operators are told. */
export interface Signals {
  registered(agent: { readonly tenant: string; readonly agent: string; readonly by: string }): void;
  agentChanged(change: { readonly tenant: string; readonly agent: string; readonly command: AgentCommand; readonly by: string }): void;
  issued(kind: "own" | "delegated"): void;
  refused(error: OAuthErrorCode): void;
  /** An assertion came twice: a client retries, or somebody replays. */
  assertionReplayed(client: { readonly tenant: string; readonly agent: string }): void;
  tokensRevoked(count: number): void;
  proposed(proposal: Proposal): void;
  /** A second person agreed, and it was done. */
  agreed(proposal: Proposal): void;
  revocationPublished(seconds: number): void;
  revocationNotPublished(error: unknown): void;
}

/** The server's own settings. */
interface Settings {
  /** This server's URL: `iss`, and the audience of client assertions. */
  readonly issuer: string;
  readonly audience: string;
  readonly maxDepth: number;
  readonly tokenSeconds: number;
  /** What is done only once a second person has agreed. */
  readonly secondPerson: readonly GuardedAction[];
}

export interface Ports {
  readonly agents: AgentStore;
  readonly grants: GrantStore;
  readonly spawning: Spawning;
  readonly proofs: ProofStore;
  readonly proposals: ProposalStore;
  readonly nonces: ProofNonces;
  readonly issuers: IssuerStore;
  readonly registrationTokens: RegistrationTokenStore;
  readonly revocations: RevocationStore;
  readonly board: RevocationBoard;
  readonly journal: Journal;
  readonly enforcers: Enforcers;
  readonly keys: Keys;
  readonly verifier: TokenVerifier;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly signals: Signals;
  readonly settings: Settings;
}
