import type { BreakerRule, BudgetUnit, BudgetWindow, Governance, PolicyContent } from "@aegis/policy/ir";
import type { Balance } from "#domain/account.ts";
import type { Breaker, BreakerState, Cause, Passage } from "#domain/breaker.ts";
import type { Rate } from "#domain/rate.ts";
import type { ActualOf, Spending } from "#domain/reservation.ts";
import type { Account, Target } from "#domain/target.ts";
import type { Signal } from "#domain/watch.ts";

/** The tenants' verified policies, as far as they have been loaded. */
export interface Policies {
  /** @throws AegisError `unavailable` when nothing is known of the tenant: unknown limits are never no limits. */
  of(tenant: string): PolicyContent;
  /** Undefined when nothing is known of the tenant. */
  find(tenant: string): PolicyContent | undefined;
}

/** One life of one process that holds leases. */
export interface Holder {
  /** The verified name of the instance. */
  readonly producer: string;
  /** Names this life of it. */
  readonly epoch: string;
}

export interface Facts {
  readonly limit: number;
  readonly balance: Balance;
}

/** When nothing was granted although the limit holds it: what a policy asks for past its threshold. */
export interface Soft {
  readonly softAction?: "throttle" | "approval_needed";
  /** With `throttle`: until the next grant fits the pace. */
  readonly retryAfterMs?: number;
}

type LeaseAnswer =
  | { readonly kind: "unlimited" }
  /** A later life of the same producer has been seen. */
  | { readonly kind: "fenced" }
  | ({
      readonly kind: "granted";
      readonly granted: number;
      /** When nothing was granted: units that other living holders have not been heard to spend. */
      readonly outstanding: number;
    } & Soft &
      Facts);

export interface LeaseStore {
  /** Debits the account by one conditional update, and keeps the lease with it. Granted 0: nothing remains. */
  lease(
    target: Target,
    ask: {
      readonly id: string;
      readonly holder: Holder;
      readonly need: number;
      readonly want: number;
      readonly now: number;
      readonly expiresAt: number;
    },
  ): Promise<LeaseAnswer>;
  /** Credits what the holder did not spend; false for a lease that is not this producer's. Repeated, it changes nothing more. */
  giveBack(id: string, producer: string, spent: number, now: number): Promise<boolean>;
  /** Whether this life of the holder is its latest: the first word of a new life ends all earlier ones. */
  alive(holder: Holder, now: number): Promise<boolean>;
  /** Remembers until when decisions of these producers have been heard. */
  heard(producers: readonly { readonly id: string; readonly epoch: string; readonly until: number }[]): Promise<void>;
  /**
   * Open leases whose decisions have all been heard by now: their holder was replaced before `before`, or they ended before `before`
   * and their holder has decided something later since, or said that nothing is on its way.
   */
  stranded(before: number, limit: number): Promise<readonly { readonly id: string; readonly producer: string }[]>;
}

export type ReserveAnswer =
  | { readonly kind: "reserved" }
  /** The first account that has not enough. */
  | ({ readonly kind: "refused"; readonly target: Target } & Soft & Facts);

/** A decision that was allowed, as its event told it. */
export interface DecisionFact {
  readonly decisionId: string;
  readonly at: number;
  readonly agent: string;
  readonly tool: string;
  readonly promptId: string;
  /** The acting agent first. */
  readonly chain: readonly string[];
  readonly cost: Spending;
  /** `target` is asked for where the lease is gone; it gives undefined while nothing is known of the tenant's limits. */
  readonly leased: readonly {
    readonly leaseId: string;
    readonly units: number;
    readonly target: () => Target | undefined;
    /** Whose account it is, where it is not the tenant's own. */
    readonly organisation?: string | undefined;
  }[];
}

/** What became of a decision. */
export interface OutcomeFact {
  readonly decisionId: string;
  readonly outcome: "executed" | "failed" | "rolled_back";
  readonly actual: Spending | undefined;
}

/** The rates that a tenant declares; undefined where it declares none, or is not known. */
export type RatesOf = (tenant: string) => Governance["exchangeRates"];

export interface ReservationStore {
  /** Debits every account or none, each by one conditional update. The same decision is reserved once. @throws AegisError `conflict` when it was released before. */
  reserve(
    tenant: string,
    decisionId: string,
    amounts: readonly { readonly target: Target; readonly units: number }[],
    now: number,
    /** A person agreed to go past soft thresholds. */
    pastSoft: boolean,
  ): Promise<ReserveAnswer>;
  /** Turns what a decision holds into spending, at most what was reserved; false when it holds nothing. */
  settle(decisionId: string, actualOf: ActualOf): Promise<boolean>;
  /** Gives back what a decision holds; false when it holds nothing. */
  release(decisionId: string): Promise<boolean>;
  /**
   * Takes in events of one tenant, each exactly once, in whatever order. Its calls may have been charged to these organisations, too.
   * What they come to there is told by the organisations' own rates. Resolves to units that no lease covered.
   */
  apply(
    tenant: string,
    organisations: readonly string[],
    decisions: readonly DecisionFact[],
    outcomes: readonly OutcomeFact[],
    ratesOf: RatesOf,
  ): Promise<number>;
  /** Decisions that still hold something reserved before this time. */
  overdue(before: number, limit: number): Promise<readonly string[]>;
}

interface AccountRow extends Facts {
  readonly scope: string;
  readonly unit: BudgetUnit;
  readonly window: BudgetWindow;
  readonly windowStart: number;
}

export interface LimitStore {
  /** Sets or, with undefined, lifts a person's limit on an account. */
  set(account: Account, units: number | undefined, by: string, now: number): Promise<void>;
  /** All limits set by people. */
  list(tenant: string): Promise<readonly (Account & { readonly units: number })[]>;
  /** What of these accounts is bounded now, and what they hold. */
  facts(tenant: string, targets: readonly Target[]): Promise<readonly ({ readonly target: Target } & Facts)[]>;
  /** The accounts of these windows, each with when it began. */
  accounts(tenant: string, starts: readonly (readonly [BudgetWindow, number])[]): Promise<readonly AccountRow[]>;
}

export const spendKeys = ["agent", "tool", "tenant", "prompt"] as const;
type SpendKey = (typeof spendKeys)[number];

export const spendSteps = ["hour", "day", "month"] as const;

/** Millionths of the units of other currencies than US dollars, by their codes; they are part of `microUsd`. */
type Currencies = Readonly<Record<string, number>>;

interface SpendRow {
  readonly key: string;
  readonly currencies?: Currencies;
  readonly microUsd: number;
  readonly tokens: number;
  readonly actions: number;
}

export interface SpendStore {
  /** Adds usage to every account that has a limit; false when this usage was recorded before. */
  use(
    tenant: string,
    usage: Spending & { readonly id: string; readonly agent: string; readonly promptId: string },
    amounts: readonly { readonly target: Target; readonly units: number }[],
    now: number,
  ): Promise<boolean>;
  /** What was spent since, the highest first. */
  report(tenant: string, by: SpendKey, since: number): Promise<readonly SpendRow[]>;
  /** The same over time, the earliest first; `from` is when an hour, day or month of the time zone began. */
  series(
    tenant: string,
    by: SpendKey,
    since: number,
    over: { readonly per: (typeof spendSteps)[number]; readonly timeZone: string },
  ): Promise<readonly (SpendRow & { readonly from: number })[]>;
  /** What each agent of a prompt spent, by who handed work to whom: `chain` begins with the first agent. */
  tree(tenant: string, promptId: string): Promise<readonly (Omit<SpendRow, "key"> & { readonly chain: readonly string[] })[]>;
}

/** A rate on one account. */
export interface ScopedRate extends Rate {
  readonly scope: string;
}

export interface Admission {
  /** Calls that may go ahead. */
  readonly admitted: number;
  /** When that is not all: the rate in the way, and after how long the next call fits. */
  readonly refusedBy?: string;
  readonly waitMs?: number;
}

export interface RateStore {
  /** Takes places for as many calls as fit under all of the rates. `now` in microseconds since 1970. */
  admit(
    tenant: string,
    rates: readonly ScopedRate[],
    ask: { readonly calls: number; readonly returned: number },
    now: number,
  ): Promise<Admission>;
}

/** What one call came to; `promptId` undefined: whatever its decision said. */
export interface CallSignal extends Signal {
  readonly promptId?: string | undefined;
}

interface StandingBreaker {
  /** `agent/<agent>` or `prompt/<id>`. */
  readonly scope: string;
  readonly breaker: Breaker;
}

interface BreakerChange {
  readonly scope: string;
  readonly state: BreakerState;
  readonly cause: Breaker["cause"];
}

/** Breakers. Whatever changes one tells every authz, at once or as soon as NATS takes it. */
export interface BreakerStore {
  /** Takes in signals of one tenant, in their order. Resolves to what changed its state. */
  observe(tenant: string, rule: BreakerRule, signals: readonly CallSignal[], now: number): Promise<readonly BreakerChange[]>;
  /** Opens one at once. */
  trip(tenant: string, scope: string, rule: BreakerRule, cause: Cause, now: number): Promise<readonly BreakerChange[]>;
  /** Whether a call may go ahead under all of these breakers; after a pause, one at a time as a probe. */
  ask(tenant: string, scopes: readonly string[], decisionId: string, now: number): Promise<Passage>;
  /** Closes one by a person's hand. With `retryAfterMs`: it changed too often within the last minute. */
  reset(
    tenant: string,
    scope: string,
    by: string,
    now: number,
  ): Promise<{ readonly reset: boolean; readonly retryAfterMs?: number | undefined }>;
  /** Those that are not closed. */
  list(tenant: string): Promise<readonly StandingBreaker[]>;
  /** Those of these scopes that are not closed. */
  find(tenant: string, scopes: readonly string[]): Promise<readonly StandingBreaker[]>;
  /** Tells authz what they could not be told when it changed. */
  tellUntold(): Promise<void>;
  /** Drops closed ones that nothing was heard of since. */
  forgetIdle(before: number): Promise<void>;
}

/** How far the events have been heard. */
export interface Stream {
  /** Whether all that NATS holds has been taken in for a while. */
  caughtUp(): boolean;
  /** The place of the newest event that NATS holds. @throws AegisError `unavailable` */
  end(): Promise<number>;
  /** Whether every event up to this place has been taken in. @throws AegisError `unavailable` */
  takenIn(place: number): Promise<boolean>;
}

interface Clock {
  now(): Date;
}

export interface Ids {
  next(): string;
}

/** What operators are told. */
/** A daily account, and how much of its limit is spent or held: 1 is all of it. */
export interface BurningAccount {
  readonly tenant: string;
  readonly scope: string;
  readonly unit: string;
  readonly used: number;
}

export interface Signals {
  leased(result: "granted" | "unlimited" | "refused" | "fenced", units: number): void;
  reserved(result: "reserved" | "refused"): void;
  admitted(calls: number, refused: number): void;
  /** Units that were spent although no lease covered them any more. */
  uncovered(tenant: string, units: number): void;
  /** A breaker changed its state. */
  breakerChanged(tenant: string, change: BreakerChange): void;
  reclaimed(leases: number): void;
  overdue(decisions: number): void;
}

export interface Ports {
  readonly policies: Policies;
  readonly leases: LeaseStore;
  readonly reservations: ReservationStore;
  readonly limits: LimitStore;
  readonly spending: SpendStore;
  readonly rates: RateStore;
  readonly breakers: BreakerStore;
  readonly stream: Stream;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly signals: Signals;
}
