import type { ProofNonces } from "@aegis/identity/dpop-nonce";
import type { AgentCommand } from "#domain/agent.ts";
import type { OAuthErrorCode } from "#domain/oauth-refusal.ts";
import type { GuardedAction, Proposal } from "#domain/proposal.ts";
import type { GrantStore, IssuerStore, ProofStore, Spawning, TokenVerifier } from "./grant-ports.ts";
import type { Keys } from "./key-ports.ts";
import type { AgentStore, OrgStore, ProposalStore, RegistrationTokenStore, TemplateStore } from "./registry-ports.ts";
import type { Enforcers, Journal, RevocationBoard, RevocationStore } from "./stop-ports.ts";

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
  /** Where it is reached over mutual TLS; absent: nowhere. */
  readonly mtlsUrl: string | undefined;
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
  readonly templates: TemplateStore;
  readonly orgs: OrgStore;
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
