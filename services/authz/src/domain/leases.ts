import type { Charge } from "@aegis/policy/input";
import { organisationIn } from "@aegis/policy/limits";

/** A pre-debited share of an account that this process may spend without asking. Times in milliseconds since 1970. */
export interface Lease {
  readonly id: string;
  readonly granted: number;
  readonly usableUntil: number;
  readonly renewAfter: number;
  spent: number;
  /** Units of decisions that are not durable yet, and may still come back. */
  pinned: number;
  lastUsed: number;
  /** Nothing more is taken from it; it goes back once nothing is pinned. */
  retiring: boolean;
}

/** Units of one charge, from one lease. */
export interface Slice {
  readonly account: string;
  readonly charge: Charge;
  readonly lease: Lease;
  readonly units: number;
}

/** What the budget service said of an account when it was last asked. */
export interface AccountFacts {
  readonly limit: number;
  readonly remaining: number;
}

interface AccountBook {
  leases: Lease[];
  facts: AccountFacts | undefined;
  unlimitedUntil: number;
}

/** One account of one tenant, or an organisation's, of all its members. No part can hold a line feed: tenants are names, scopes are percent-encoded. */
export const accountKey = (tenant: string, charge: { readonly scope: string; readonly unit: string; readonly window: string }): string =>
  `${organisationIn(charge.scope) === undefined ? tenant : ""}\n${charge.scope}\n${charge.unit}\n${charge.window}`;

/** An idle lease goes back after this long, so that other replicas can have it. */
export const idleMs = 3_000;

/** How long an account without a limit is not asked about again: a limit set meanwhile counts that much later. */
export const unlimitedMs = 5_000;

/** The accounting of leases in one process: exact, all or nothing, and without I/O. */
export class LeaseBook {
  readonly #accounts = new Map<string, AccountBook>();

  /** Takes units from one account's leases, oldest first; empty for an account without a limit; undefined when they do not suffice. */
  take(account: string, charge: Charge, now: number): Slice[] | undefined {
    const book = this.#accounts.get(account);
    if (!book) return undefined;
    if (book.unlimitedUntil > now) return [];
    if (this.available(account, now) < charge.units) return undefined;
    const slices: Slice[] = [];
    let missing = charge.units;
    for (const lease of book.leases) {
      const units = Math.min(missing, usable(lease, now));
      if (units <= 0) continue;
      lease.spent += units;
      lease.pinned += units;
      lease.lastUsed = now;
      slices.push({ account, charge, lease, units });
      missing -= units;
      if (missing === 0) break;
    }
    return slices;
  }

  /** Takes every charge or none. */
  takeAll(tenant: string, charges: readonly Charge[], now: number): Slice[] | undefined {
    const taken: Slice[] = [];
    for (const charge of charges) {
      const slices = this.take(accountKey(tenant, charge), charge, now);
      if (!slices) {
        this.giveBack(taken);
        return undefined;
      }
      taken.push(...slices);
    }
    return taken;
  }

  available(account: string, now: number): number {
    let units = 0;
    for (const lease of this.#accounts.get(account)?.leases ?? []) units += usable(lease, now);
    return units;
  }

  grant(
    account: string,
    lease: { id: string; granted: number; usableUntil: number; renewAfter: number },
    facts: AccountFacts,
    now: number,
  ): void {
    const book = this.#book(account);
    book.facts = facts;
    if (lease.granted > 0) book.leases.push({ ...lease, spent: 0, pinned: 0, lastUsed: now, retiring: false });
  }

  setUnlimited(account: string, now: number): void {
    const book = this.#book(account);
    book.unlimitedUntil = now + unlimitedMs;
    book.facts = undefined;
  }

  facts(account: string): AccountFacts | undefined {
    return this.#accounts.get(account)?.facts;
  }

  /** The decision did not go ahead. */
  giveBack(slices: readonly Slice[]): void {
    for (const { lease, units } of slices) {
      lease.spent -= units;
      lease.pinned -= units;
    }
  }

  /** The decision is durable: its units are spent for good. */
  commit(slices: readonly Slice[]): void {
    for (const { lease, units } of slices) lease.pinned -= units;
  }

  /** Whether a lease that has ended by `now` still has units of decisions that are not durable. */
  endedPinned(now: number): boolean {
    return [...this.#accounts.values()].some(({ leases }) => leases.some(({ pinned, usableUntil }) => pinned > 0 && now >= usableUntil));
  }

  /** Removes and returns what should go back now: idle, old or used up leases with nothing pinned. Others of them give no more units. */
  collect(now: number): { account: string; lease: Lease }[] {
    const collected = this.#collect(
      (lease) => lease.retiring || now - lease.lastUsed >= idleMs || now >= lease.renewAfter || lease.spent >= lease.granted,
    );
    for (const [account, book] of this.#accounts)
      if (book.leases.length === 0 && book.unlimitedUntil <= now) this.#accounts.delete(account);
    return collected;
  }

  /** Takes leases of an account back into use that were to go back, as long as they may be spent: somebody needs them now. */
  revive(account: string, now: number): void {
    for (const lease of this.#accounts.get(account)?.leases ?? []) if (now < lease.usableUntil) lease.retiring = false;
  }

  /** Everything that has nothing pinned; the rest gives no more units and is there for the next time. */
  collectAll(): { account: string; lease: Lease }[] {
    return this.#collect(() => true);
  }

  /**
   * The same for one account, which is running short: from now on no more than is needed is asked for. `all` false: only leases that are
   * used up, so that whoever counts them as outstanding learns of it.
   */
  recall(account: string, all: boolean): { account: string; lease: Lease }[] {
    const book = this.#accounts.get(account);
    if (!book) return [];
    if (book.facts) book.facts = { ...book.facts, remaining: 0 };
    return collectFrom(account, book, (lease) => all || lease.spent >= lease.granted);
  }

  #collect(which: (lease: Lease) => boolean): { account: string; lease: Lease }[] {
    const collected: { account: string; lease: Lease }[] = [];
    for (const [account, book] of this.#accounts) collected.push(...collectFrom(account, book, which));
    return collected;
  }

  #book(account: string): AccountBook {
    let book = this.#accounts.get(account);
    if (!book) {
      book = { leases: [], facts: undefined, unlimitedUntil: 0 };
      this.#accounts.set(account, book);
    }
    return book;
  }
}

function collectFrom(account: string, book: AccountBook, which: (lease: Lease) => boolean): { account: string; lease: Lease }[] {
  const collected: { account: string; lease: Lease }[] = [];
  const kept: Lease[] = [];
  for (const lease of book.leases) {
    if (which(lease)) lease.retiring = true;
    if (lease.retiring && lease.pinned === 0) collected.push({ account, lease });
    else kept.push(lease);
  }
  book.leases = kept;
  return collected;
}

/** How much to ask for: what is needed, and a little more while there is plenty. */
export function leaseSize(need: number, facts: AccountFacts | undefined): number {
  if (!facts || facts.remaining <= facts.limit * 0.05) return need;
  return need + Math.floor(Math.min(facts.limit * 0.05, facts.remaining * 0.25));
}

const usable = (lease: Lease, now: number): number => (lease.retiring || now >= lease.usableUntil ? 0 : lease.granted - lease.spent);
