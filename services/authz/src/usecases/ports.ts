import type { JsonObject } from "@aegis/canonical/ijson";
import type { DecisionEvent, Producer, Reservation } from "@aegis/contracts/decision-event";
import type { OutcomeEvent } from "@aegis/contracts/outcome-event";
import type { DecisionName } from "@aegis/contracts/reasons";
import type { VerifiedToken } from "@aegis/identity/verify";
import type { Charge } from "@aegis/policy/input";
import type { BudgetView } from "#domain/draft.ts";
import type { MadeCall } from "#domain/failed-calls.ts";
import type { HighWater } from "#domain/policies.ts";
import type { RevocationsDump } from "#domain/revocations.ts";
import type { SessionState } from "#domain/session.ts";
import type { Row } from "#domain/streaks.ts";

export interface Clock {
  now(): Date;
}

/** A new UUIDv7. */
export type NewId = () => string;

/** Verifies agents' tokens. */
export interface Tokens {
  /** The result for a token verified before, without waiting. */
  cached(token: string): VerifiedToken | undefined;
  /** @throws AegisError `unavailable` while no key of the issuer was ever had. */
  verify(token: string): Promise<VerifiedToken>;
}

/** DPoP proofs that were used, in one place for all replicas. */
export interface Proofs {
  /** Where this service is reached, as clients know it: scheme and authority, for `htu`. */
  readonly origins: readonly string[];
  /** Uses a proof up. "unknown" when nobody can say whether it was used before: NATS is away. Never rejects. */
  spend(id: string): Promise<"fresh" | "used" | "unknown">;
}

/** The other replicas of this service. What they are told is a hint: it may be lost. */
export interface OtherReplicas {
  callFailed(call: MadeCall): void;
  streak(tenant: string, agent: string, row: Row): void;
}

/** Tells whoever watches that somebody came with a token that does not verify. A hint: it may be lost. */
export interface AuthnFailures {
  report(why: string): void;
}

type Tier = "T1" | "T2";

/** An event on its way into the log: `make` is called once, with its place in this process's sequence. */
interface LogEntry {
  readonly id: string;
  readonly subject: string;
  readonly make: (producer: Producer) => DecisionEvent | OutcomeEvent | ActivatedEvent;
}

/** A revision came into force here. */
export interface ActivatedEvent {
  readonly id: string;
  readonly type: "dev.aegis.policy.activated.v1";
  readonly [attribute: string]: unknown;
}

/** The local, durable log of events, which a publisher carries on. */
export interface EventLog {
  /** Names this process in its events: "aegis/authz/<instance>". */
  readonly source: string;
  state(): "ok" | "alarm" | "shed" | "deny" | "dead";
  /** Resolves when the event is safe at `tier`. @throws AegisError `unavailable`. */
  append(entry: LogEntry, tier: Tier): Promise<void>;
  /** Whether the event is stored in JetStream within the time; to be asked before `append`. */
  acknowledged(id: string, timeoutMs: number): Promise<boolean>;
  /** Whether JetStream could be reached just now. */
  publishing(): boolean;
}

/** Units set aside for one decision. Exactly one of the two is called, once. */
export interface Hold {
  readonly reservations: readonly Reservation[];
  /** The decision is durable: the units are spent. */
  commit(): void;
  giveBack(): void;
}

export type Reserved =
  | { readonly ok: true; readonly hold: Hold }
  | {
      readonly ok: false;
      readonly message: string;
      readonly retryAfter: number;
      /** The limit would hold the call, but it is past the threshold of this charge's account. */
      readonly soft?: { readonly action: "throttle" | "approval_needed"; readonly charge: Charge };
    };

/** What was seen in sessions, in one place for all replicas. */
export interface Sessions {
  /** @throws AegisError when it cannot be read. */
  read(tenant: string, session: string): Promise<SessionState>;
  /** False when another replica wrote since `revision`. The write is in order with every other one. @throws AegisError when it cannot be written. */
  write(tenant: string, session: string, state: SessionState): Promise<boolean>;
}

/** Breakers that are open or half open. */
export interface Probes {
  /** Whether this decision's call may go ahead as a probe of all of them. Never rejects. */
  probe(
    tenant: string,
    scopes: readonly string[],
    decisionId: string,
  ): Promise<{ readonly passes: true } | { readonly passes: false; readonly retryAfterMs: number }>;
  /** Says that an agent loops. It may be lost: the budget service hears of the calls themselves, too. */
  trip(tenant: string, agent: string, cause: "denied" | "failures"): void;
}

/** Rates that hold across all replicas. */
export interface Rates {
  /** A place under the rates of all these accounts, or none: then why, and after how many seconds there is one. */
  admit(tenant: string, scopes: readonly string[]): Promise<Hold | { readonly message: string; readonly retryAfter: number }>;
}

/** Spends shares of accounts that the budget service leased to this process. */
export interface Budget {
  /** Every charge or none. Answers at once when the leases held suffice. */
  reserve(tenant: string, charges: readonly Charge[]): Reserved | Promise<Reserved>;
  /** Every charge or none, straight from the budget service: a person agreed to go past soft thresholds. The decision is reserved once. */
  reservePastSoft(tenant: string, decisionId: string, charges: readonly Charge[]): Promise<Reserved>;
  /** What is known of the limited accounts among these. */
  view(tenant: string, charges: readonly Charge[]): readonly BudgetView[];
}

export interface Redemption {
  /** Or the approval's id, as `domain/override.ts` writes it. */
  readonly overrideToken: string;
  readonly tenant: string;
  readonly agent: string;
  readonly instance: string;
  readonly subject: string;
  readonly actionDigest: string;
  readonly ruleDigest: string;
  /** Idempotency key. */
  readonly decisionId: string;
}

/** A call that needs leave, as the approvals service may know it. */
export interface HeldCall {
  readonly tenant: string;
  readonly agent: string;
  /** On whose behalf. */
  readonly subject: string;
  /** Newest first. */
  readonly chain: readonly string[];
  readonly tool: string;
  readonly action: string;
  readonly ruleDigest: string;
  /** Redacted as in the decision's event. */
  readonly arguments: JsonObject;
}

export interface GrantUse {
  readonly grantId: string;
  readonly tenant: string;
  readonly agent: string;
  readonly instance: string;
  readonly actionDigest: string;
  readonly ruleDigest: string;
  /** Idempotency key. */
  readonly decisionId: string;
}

export interface Approvals {
  /** A standing grant that covers the call. Never throws: whoever cannot be asked has granted nothing. */
  findGrant(call: HeldCall): Promise<string | undefined>;
  /** Uses a standing grant once. Never throws. */
  useGrant(use: GrantUse): Promise<{ readonly ok: true } | { readonly ok: false; readonly message: string }>;
  /** Spends an override token. Never throws: whoever cannot be asked has not agreed. */
  redeem(
    redemption: Redemption,
  ): Promise<
    | { readonly ok: true; readonly approvalId: string; readonly approvedUntil?: string }
    | { readonly ok: false; readonly message: string; readonly denial?: string }
  >;
  /** Where a person or the agent sees how an approval stands. */
  statusUrl(approvalId: string): string;
}

/** Verified bundles on this replica's disk, so that it starts without NATS. What it returns is not trusted: everything is verified again. */
export interface PolicyCache {
  /** All tenants with their last head (compact JWS) and bundle. */
  load(): Promise<{ tenant: string; head: string; bundle: Uint8Array | undefined; highWater: HighWater | undefined }[]>;
  /** Durable when it resolves; the bundle is left as it is when absent. */
  save(tenant: string, entry: { head: string; bundle?: Uint8Array; highWater: HighWater }): Promise<void>;
}

/** What was known of revocations when this replica stopped, so that a start without NATS forgets none. */
export interface RevocationCache {
  load(): Promise<RevocationsDump | undefined>;
  save(dump: RevocationsDump): Promise<void>;
}

/** The token service's own word on revocations, for when NATS is away. */
export interface RevocationSnapshots {
  /** Verified entries by key, and when they were signed. @throws AegisError `unavailable`. */
  fetch(): Promise<{ readonly issuedAt: number; readonly entries: Readonly<Record<string, unknown>> }>;
}

/** Bundles by the name that a head gives them. */
export interface Bundles {
  /** Undefined when there is none. @throws AegisError `unavailable`. */
  get(object: string): Promise<Uint8Array | undefined>;
}

/** What seals the data of one person, as long as it is not erased. */
export interface SubjectKey {
  /** Pseudonym and generation, as `sealed.key` of an event. */
  readonly id: string;
  /** 32 bytes. */
  readonly secret: Uint8Array;
}

/** The keys of those whom calls are about, kept by the ledger. */
export interface SubjectKeys {
  /** Undefined when it cannot be had now: then what is theirs is not recorded. Never rejects. */
  keyOf(tenant: string, subject: string): Promise<SubjectKey | undefined>;
}

/** A stable key per tenant, for pseudonyms. */
export type HashKeyOf = (tenant: string) => Uint8Array;

/** What people and dashboards learn of decisions. */
export interface CheckSignals {
  decided(
    decision: DecisionName,
    reasonCode: string | undefined,
    seconds: number,
    more: { shadow: DecisionName | undefined; dryRun: boolean },
  ): void;
  unauthenticated(): void;
  unrecorded(decisionId: string, error: unknown): void;
}

export interface PolicySignals {
  activated(tenant: string, version: string, milliseconds: number): void;
  refused(tenant: string, why: string): void;
  /** A prepared revision went into force without the word to do so. */
  barrierTimedOut(tenant: string, version: string): void;
  /** An activation could not be recorded. */
  unannounced(tenant: string, error: unknown): void;
}
