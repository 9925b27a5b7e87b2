import type { Approval, ApprovalState, Outcome } from "#domain/approval.ts";
import type { Attempt, Override } from "#domain/override.ts";
import type { Presentable } from "#domain/task.ts";
import type { Requester, Spending, Submission } from "./access-request.ts";

/** A call that waits for people, as authz's event told it. */
export interface Ask {
  /** Minted by authz with its decision. */
  readonly id: string;
  /** The decision that minted it. */
  readonly decisionId: string;
  readonly tenant: string;
  readonly requester: {
    readonly agent: string;
    readonly subject: string;
    readonly chain: readonly string[];
    /** Empty: any instance of the agent. */
    readonly instance: string;
  };
  readonly tool: string;
  readonly action: string;
  /** Redacted by authz. */
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly reasons: readonly unknown[];
  readonly actionDigest: string;
  readonly ruleDigest: string;
  /** Of the policies the call was held by. */
  readonly policyVersion?: string | undefined;
  readonly queue: string;
  readonly quorum: number;
  /** Milliseconds since the epoch, as every time here. */
  readonly requestedAt: number;
  readonly expiresAt: number;
}

/** An approval as it is kept. */
export interface ApprovalRecord extends Approval {
  readonly id: string;
  readonly tenant: string;
  readonly tool: string;
  readonly action: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly reasons: readonly unknown[];
  readonly actionDigest: string;
  readonly ruleDigest: string;
  readonly queue: string;
  readonly requestedAt: number;
  /** Grows with every change. */
  readonly version: number;
}

interface ApprovalFilter {
  readonly tenant: string;
  readonly state?: ApprovalState | undefined;
  readonly queue?: string | undefined;
  /** Only older ones than this id. */
  readonly before?: string | undefined;
  readonly limit: number;
}

/** Pending calls of one agent under one rule. */
export interface Group {
  readonly agent: string;
  readonly subject: string;
  readonly tool: string;
  readonly action: string;
  readonly ruleDigest: string;
  readonly queue: string;
  readonly quorum: number;
  /** Newest first. */
  readonly ids: readonly string[];
  /** Of the newest ones, in that order. */
  readonly arguments: readonly Readonly<Record<string, unknown>>[];
}

/** How deep one queue is. */
export interface Depth {
  readonly tenant: string;
  readonly queue: string;
  readonly many: number;
}

export interface ApprovalStore {
  /** Opens an approval, or folds the ask into the pending one for the same call and rule. `known`: this id was told before. */
  request(ask: Ask, now: number): Promise<"opened" | "folded" | "known">;
  /** By its own id or any id folded into it. Without a tenant: whichever tenant's it is. */
  find(id: string, tenant?: string): Promise<ApprovalRecord | undefined>;
  /** Newest first. */
  list(filter: ApprovalFilter): Promise<ApprovalRecord[]>;
  /** Decides on the locked row and keeps what follows, with its events, in one transaction. Undefined: there is no such approval. */
  change(
    tenant: string,
    id: string,
    decide: (approval: ApprovalRecord) => Outcome,
  ): Promise<{ readonly outcome: Outcome; readonly approval: ApprovalRecord } | undefined>;
  /** Open approvals whose time is over, of any tenant. */
  due(now: number, limit: number): Promise<readonly { readonly tenant: string; readonly id: string }[]>;
  /** Arguments of the newest calls of this kind that were held before this one, newest first. */
  earlier(
    call: Pick<ApprovalRecord, "id" | "tenant" | "tool" | "action" | "requester">,
    limit: number,
  ): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** Pending ones by what they have in common, the largest group first. */
  groups(tenant: string): Promise<readonly Group[]>;
  /** The open approvals of one agent. */
  openOf(tenant: string, agent: string): Promise<readonly string[]>;
  /** How many wait for people, by tenant and queue. */
  pending(): Promise<readonly Depth[]>;
  /** Who answers for an agent from now on. */
  keepOwner(tenant: string, agent: string, owner: string): Promise<void>;
  /** Who wrote this version of the tenant's policies. */
  keepAuthor(tenant: string, version: string, author: string): Promise<void>;
}

export interface OverrideStore {
  /** Marks the override as handed out, in one conditional update; false when it was not this caller's to have, or no longer. */
  collect(override: {
    readonly tenant: string;
    readonly approvalId: string;
    readonly agent: string;
    readonly instance: string;
    readonly hash: Uint8Array;
    readonly now: number;
    readonly expiresAt: number;
  }): Promise<boolean>;
  /** Whether this instance of the agent was among those that asked; whoever asked without an instance of its own asked for all of them. */
  askedBy(tenant: string, approvalId: string, instance: string): Promise<boolean>;
  /** Spends it in one conditional update that checks every binding; undefined when nothing was spent. */
  redeem(hash: Uint8Array, attempt: Attempt, now: number): Promise<Override | undefined>;
  /** As it is kept, whichever tenant's it is; grants nothing. */
  look(hash: Uint8Array): Promise<Override | undefined>;
}

/** What a task is made from, and what binds it. */
export type TaskRecord = Omit<Presentable, "asked">;

export interface AccessRequestStore {
  /** What was asked under this key before. */
  known(tenant: string, agent: string, key: string): Promise<(TaskRecord & { readonly submissionDigest: string }) | undefined>;
  /** The approval that a decision asked for. */
  ofDecision(tenant: string, decisionId: string): Promise<TaskRecord | undefined>;
  /** By its own id or any id folded into it. */
  byId(tenant: string, id: string): Promise<TaskRecord | undefined>;
  /** The same, and whether this instance of the agent was among those that asked. */
  presented(tenant: string, id: string, instance: string): Promise<Presentable | undefined>;
  /** Remembers a request and the reason given with it; false when its key is taken. */
  keep(
    request: Submission & {
      readonly tenant: string;
      readonly agent: string;
      readonly approvalId: string;
      readonly at: number;
      /** When its key may be used for something else. */
      readonly forgetAt: number;
    },
  ): Promise<boolean>;
  /** Spends it in one conditional update that checks every binding, `binding` being what the instance is bound by. */
  spend(attempt: Requester & Spending, binding: string, now: number): Promise<boolean>;
}

/** One thing that happened to an approval. */
export interface Happening {
  readonly at: number;
  /** `requested`, `approve` and `deny` of one person, a state, `comment`, or `told`. */
  readonly what: string;
  readonly who: readonly string[];
  readonly comment: string;
}

/** How the approvals of one agent's call under one rule went. */
interface Tally {
  readonly agent: string;
  readonly call: string;
  readonly ruleDigest: string;
  readonly queue: string;
  readonly requested: number;
  readonly pending: number;
  readonly approved: number;
  readonly denied: number;
  readonly expired: number;
  readonly cancelled: number;
  /** From request to answer; null while nobody answered. */
  readonly medianSeconds: number | null;
  /** The share of answers that came within five seconds, from 0 to 1. */
  readonly quickShare: number | null;
}

export interface Statistics {
  /** Of what was requested since; the most requested first. */
  since(tenant: string, from: number): Promise<readonly Tally[]>;
}

export interface HistoryStore {
  /** Oldest first. */
  of(tenant: string, approvalId: string): Promise<readonly Happening[]>;
  comment(
    tenant: string,
    approvalId: string,
    comment: { readonly who: string; readonly comment: string; readonly at: number },
  ): Promise<void>;
}

/** Makes one-time tokens. */
export interface Tokens {
  /** 256 random bits, base64url. */
  mint(): string;
  /** SHA-256. */
  hash(token: string): Uint8Array;
}

export interface Changes {
  /** Resolves when the approval is no longer at this version, after `timeoutMs`, or when aborted. */
  next(id: string, version: number, timeoutMs: number, signal: AbortSignal): Promise<void>;
  /** Resolves after `ms` or when aborted. */
  pause(ms: number, signal: AbortSignal): Promise<void>;
}

interface Clock {
  now(): Date;
}

/** Who presented an override. */
interface Redeemer {
  readonly tenant: string;
  readonly agent: string;
  readonly instance: string;
  readonly decisionId: string;
}

/** What operators are told. */
export interface Signals {
  requested(how: "opened" | "folded"): void;
  decided(state: ApprovalState, secondsSinceRequest: number): void;
  redeemed(result: "redeemed" | "invalid" | "policy_changed"): void;
  grantUsed(result: "used" | "refused"): void;
  /** One override, two decisions: somebody replays. */
  redeemedTwice(alarm: { readonly approvalId: string; readonly first: Redeemer; readonly second: Redeemer }): void;
}

export interface Ports {
  readonly approvals: ApprovalStore;
  readonly overrides: OverrideStore;
  readonly accessRequests: AccessRequestStore;
  readonly history: HistoryStore;
  readonly statistics: Statistics;
  readonly tokens: Tokens;
  readonly changes: Changes;
  readonly clock: Clock;
  readonly signals: Signals;
}
