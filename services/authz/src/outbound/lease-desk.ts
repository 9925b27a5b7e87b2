import type { BudgetService, LeaseResponse } from "@aegis/contracts/aegis/budget/v1/budget";
import type { Charge } from "@aegis/policy/input";
import type { RpcClient } from "@aegis/rpc/client";
import type { Logger } from "@aegis/service/logger";
import { accountKey, type LeaseBook, leaseSize, type Slice } from "#domain/leases.ts";

/** Why units could not be had, and after how many seconds to ask again. */
export interface Shortage {
  readonly why: "exhausted" | "elsewhere" | "unreachable" | "throttle" | "approval_needed";
  readonly retryAfter: number;
}

interface Waiter {
  readonly charge: Charge;
  readonly resolve: (outcome: Slice[] | Shortage) => void;
}

interface Queue {
  readonly tenant: string;
  readonly account: string;
  readonly waiters: Waiter[];
}

export interface LeaseDeskOptions {
  readonly client: RpcClient<typeof BudgetService>;
  readonly holder: string;
  readonly book: LeaseBook;
  readonly now: () => number;
  readonly logger: Logger;
  /** Releases of an account's leases that are under way, if any; resolves when they are through. */
  readonly returning: (account: string) => Promise<unknown> | undefined;
  readonly recalls: Recalls;
}

/** How to get units back that other replicas hold and do not use. */
export interface Recalls {
  /** Whether others can be heard and hear us. Nobody who cannot be recalled may hold more than is needed now. */
  possible(): boolean;
  /** Asks all others for their unused units of an account. It may be lost: it is said again while units are outstanding. */
  send(account: AccountName): void;
}

export interface AccountName {
  readonly tenant: string;
  readonly scope: string;
  readonly unit: string;
  readonly window: string;
}

const leaseDeadlineMs = 1_000;

/** A service whose leases cannot be used (its clock, its answers) must not be asked for ever. */
const mostRefills = 5;
const catchUpMs = 150;

/** How long others have to give back what they do not use; whoever holds units longer than that is away, and is not waited for again soon. */
const recallMs = 1_000;
const firstRecallPauseMs = 5;
const longestRecallPauseMs = 50;
const unreachable: Shortage = { why: "unreachable", retryAfter: 2 };

/** When a window has no end of its own (a prompt's), asking again helps only after somebody raised the limit. */
const noEndSeconds = 60;

/**
 * Where calls wait for an account that needs more units. There is one lease request in flight per account, on behalf of everybody who
 * waits; they are served in the order they came. A call is refused only when the budget service has nothing left for it *now*, and nothing
 * can be had from other replicas.
 */
export class LeaseDesk {
  readonly #options: LeaseDeskOptions;
  readonly #queues = new Map<string, Queue>();
  /** Accounts whose units others were asked for in vain, and until when they are not asked again. */
  readonly #inVain = new Map<string, number>();

  constructor(options: LeaseDeskOptions) {
    this.#options = options;
  }

  /** Nobody waits for any of these accounts: taking from the book overtakes nobody. */
  quiet(tenant: string, charges: readonly Charge[]): boolean {
    return this.#queues.size === 0 || charges.every((charge) => !this.#queues.has(accountKey(tenant, charge)));
  }

  /** Calls of ours wait for this account. */
  busy(account: string): boolean {
    return this.#queues.has(account);
  }

  /** Takes the charge's units, waiting for a lease if it must. */
  acquire(tenant: string, charge: Charge): Promise<Slice[] | Shortage> {
    const account = accountKey(tenant, charge);
    return new Promise((resolve) => {
      const queue = this.#queues.get(account);
      if (queue) {
        queue.waiters.push({ charge, resolve });
        return;
      }
      const started: Queue = { tenant, account, waiters: [{ charge, resolve }] };
      this.#queues.set(account, started);
      void this.#serve(started);
    });
  }

  async #serve(queue: Queue): Promise<void> {
    const { book, now } = this.#options;
    try {
      let refills = 0;
      for (let head = queue.waiters[0]; head; head = queue.waiters[0]) {
        const slices = book.take(queue.account, head.charge, now());
        if (slices) {
          queue.waiters.shift();
          head.resolve(slices);
          refills = 0;
          continue;
        }
        if (++refills > mostRefills) throw new Error(`${mostRefills} leases did not make ${head.charge.units} usable units`);
        const before = book.available(queue.account, now());
        const shortage = await this.#refill(queue, head.charge.units);
        if (!shortage) {
          // Small leases that add up are as good as one that suffices.
          if (book.available(queue.account, now()) > before) refills = 0;
          continue;
        }
        refuse(queue, shortage, head.charge.units);
        refills = 0;
      }
    } catch (error) {
      this.#options.logger.warn({ err: error, account: queue.account }, "no lease can be had");
      for (const waiter of queue.waiters.splice(0)) waiter.resolve(unreachable);
    }
    this.#queues.delete(queue.account);
  }

  /** Gets more units; says why when the first in the queue cannot have what it needs. */
  async #refill(queue: Queue, units: number): Promise<Shortage | undefined> {
    const { book, now } = this.#options;
    let answer = await this.#askUntilKnown(queue, units);
    if (answer.unlimited || answer.granted > 0n || book.available(queue.account, now()) >= units) return undefined;
    // Units of ours may be about to go back or on their way: nothing is exhausted before they are counted.
    book.revive(queue.account, now());
    if (book.available(queue.account, now()) >= units) return undefined;
    const returning = this.#options.returning(queue.account);
    if (returning) {
      await returning;
      answer = await this.#ask(queue, units);
      if (answer.granted > 0n) return undefined;
    }
    answer = await this.#recall(queue, units, answer);
    if (answer.granted > 0n) return undefined;
    return { why: whyNothing(answer), retryAfter: retryAfter(answer, now()) };
  }

  /** Units are with others: has them given back, and asks until there are some or all are known to be spent. */
  async #recall(queue: Queue, units: number, refused: LeaseResponse): Promise<LeaseResponse> {
    const { now, recalls } = this.#options;
    const { tenant, account } = queue;
    const { scope, unit, window } = (queue.waiters[0] as Waiter).charge;
    const until = now() + recallMs;
    if ((this.#inVain.get(account) ?? 0) > now()) return refused;
    let answer = refused;
    for (
      let pause = firstRecallPauseMs;
      answer.outstanding > 0n && answer.granted === 0n;
      pause = Math.min(2 * pause, longestRecallPauseMs)
    ) {
      if (now() >= until) {
        this.#giveUp(account);
        break;
      }
      recalls.send({ tenant, scope, unit, window });
      await new Promise((resolve) => setTimeout(resolve, pause));
      answer = await this.#ask(queue, units);
    }
    return answer;
  }

  #giveUp(account: string): void {
    const now = this.#options.now();
    for (const [other, until] of this.#inVain) if (until <= now) this.#inVain.delete(other);
    this.#inVain.set(account, now + recallMs);
  }

  /**
   * A charge is only ever made for an account that the policies limit, so "unlimited" mostly means that the budget service has not
   * read their newest revision yet. It gets a moment for that before it is believed.
   */
  async #askUntilKnown(queue: Queue, units: number): Promise<LeaseResponse> {
    let answer = await this.#ask(queue, units);
    for (let attempt = 0; attempt < 4 && answer.unlimited; attempt++) {
      await new Promise((resolve) => setTimeout(resolve, catchUpMs));
      answer = await this.#ask(queue, units);
    }
    if (answer.unlimited) this.#options.book.setUnlimited(queue.account, this.#options.now());
    return answer;
  }

  async #ask(queue: Queue, units: number): Promise<LeaseResponse> {
    const { book, client, holder, now, recalls } = this.#options;
    const { tenant, account, waiters } = queue;
    const held = book.available(account, now());
    const { scope, unit, window } = (waiters[0] as Waiter).charge;
    const together = waiters.reduce((sum, waiter) => sum + waiter.charge.units, 0);
    const asked = now();
    const answer = await client.lease(
      {
        account: { tenant, scope, unit, window },
        holder,
        need: BigInt(Math.max(1, units - held)),
        want: BigInt(Math.max(1, recalls.possible() ? leaseSize(together - held, book.facts(account)) : together - held)),
      },
      { deadlineMs: leaseDeadlineMs },
    );
    if (!answer.unlimited)
      book.grant(account, leaseOf(answer, asked), { limit: Number(answer.limit), remaining: Number(answer.remaining) }, now());
    return answer;
  }
}

/** Whoever needs at least as much as the one that could not be served cannot be served either. */
function refuse(queue: Queue, shortage: Shortage, units: number): void {
  const refused = queue.waiters.filter((waiter) => waiter.charge.units >= units);
  const kept = queue.waiters.filter((waiter) => waiter.charge.units < units);
  queue.waiters.splice(0, queue.waiters.length, ...kept);
  for (const waiter of refused) waiter.resolve(shortage);
}

/** Counted from when we asked, and given up early: ours must end before the service's own idea of it does. */
function leaseOf(answer: LeaseResponse, asked: number) {
  const ttl = durationMs(answer.ttl);
  const windowEnds = timestampMs(answer.windowEnds) ?? Number.POSITIVE_INFINITY;
  return {
    id: answer.leaseId,
    granted: Number(answer.granted),
    usableUntil: Math.min(asked + ttl * 0.9, windowEnds),
    renewAfter: Math.min(asked + ttl * 0.5, windowEnds),
  };
}

function whyNothing({ softAction, outstanding }: LeaseResponse): Shortage["why"] {
  if (softAction === "throttle" || softAction === "approval_needed") return softAction;
  return outstanding > 0n ? "elsewhere" : "exhausted";
}

function retryAfter(answer: LeaseResponse, now: number): number {
  if (answer.retryAfter) return Math.max(1, Math.ceil(durationMs(answer.retryAfter) / 1000));
  if (answer.outstanding > 0n) return 1;
  const windowEnds = timestampMs(answer.windowEnds);
  return windowEnds === undefined ? noEndSeconds : Math.max(1, Math.ceil((windowEnds - now) / 1000));
}

const durationMs = (duration: LeaseResponse["ttl"]) => (duration ? Number(duration.seconds) * 1000 + duration.nanos / 1e6 : 10_000);
const timestampMs = (timestamp: LeaseResponse["windowEnds"]) =>
  timestamp ? Number(timestamp.seconds) * 1000 + timestamp.nanos / 1e6 : undefined;
