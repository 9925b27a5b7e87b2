import type { BudgetService } from "@aegis/contracts/aegis/budget/v1/budget";
import type { Reservation } from "@aegis/contracts/decision-event";
import type { Charge } from "@aegis/policy/input";
import type { RpcClient } from "@aegis/rpc/client";
import type { Logger } from "@aegis/service/logger";
import { accountKey, type Lease, LeaseBook, type Slice } from "#domain/leases.ts";
import type { Budget, Clock, Hold, Reserved } from "#usecases/ports.ts";
import { type AccountName, LeaseDesk, type Recalls, type Shortage } from "./lease-desk.ts";

export interface LeasedBudget extends Budget, AsyncDisposable {
  /** Gives back what nobody uses; to be called about once a second. */
  sweep(): Promise<void>;
  /** Another holder runs short of an account: gives back what nobody uses of it. */
  recalled(account: AccountName, by: string): Promise<void>;
}

export interface LeasedBudgetOptions {
  readonly client: RpcClient<typeof BudgetService>;
  /** Producer id and epoch: a lease dies with its holder. */
  readonly holder: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly recalls: Recalls;
}

const releaseDeadlineMs = 2_000;

/** Spends leases of the budget service: most calls touch only memory, and no unit is ever spent twice. */
export function leasedBudget(options: LeasedBudgetOptions): LeasedBudget {
  const book = new LeaseBook();
  const now = () => options.clock.now().getTime();
  const returning = new Map<string, Promise<unknown>>();
  const release = async ({ account, lease }: { account: string; lease: Lease }) => {
    const work = options.client
      .release({ what: { case: "leaseId", value: lease.id }, spent: BigInt(lease.spent) }, { deadlineMs: releaseDeadlineMs })
      // A lost release costs nothing but time: the lease ends by itself.
      .catch((error: unknown) => options.logger.warn({ err: error, lease: lease.id }, "lease could not be given back"));
    const all = Promise.all([returning.get(account), work]);
    returning.set(account, all);
    await all;
    if (returning.get(account) === all) returning.delete(account);
  };
  const releaseAll = async (leases: readonly { account: string; lease: Lease }[]) => void (await Promise.all(leases.map(release)));
  const desk = new LeaseDesk({ ...options, book, now, returning: (account) => returning.get(account) });

  const slowly = async (tenant: string, charges: readonly Charge[]): Promise<Reserved> => {
    const taken: Slice[] = [];
    for (const charge of inOneOrder(charges)) {
      const slices = await desk.acquire(tenant, charge);
      if (!Array.isArray(slices)) {
        book.giveBack(taken);
        return { ok: false, ...refusal(slices, charge) };
      }
      taken.push(...slices);
    }
    return { ok: true, hold: holdOf(book, taken) };
  };

  return {
    reserve(tenant, all) {
      const charges = all.filter((charge) => charge.units > 0);
      const taken = desk.quiet(tenant, charges) ? book.takeAll(tenant, charges, now()) : undefined;
      return taken ? { ok: true, hold: holdOf(book, taken) } : slowly(tenant, charges);
    },
    view(tenant, charges) {
      return charges.flatMap((charge) => {
        const account = accountKey(tenant, charge);
        const facts = book.facts(account);
        const { scope, unit } = charge;
        return facts ? [{ scope, unit, limit: facts.limit, remaining: facts.remaining + book.available(account, now()) }] : [];
      });
    },
    // Whoever cannot be asked for its units keeps none that nobody needs.
    sweep: () => releaseAll(options.recalls.possible() ? book.collect(now()) : book.collectAll()),
    async recalled({ tenant, ...name }, by) {
      const account = accountKey(tenant, name);
      if (by === options.holder) return;
      // Two that both need more must not take turns in taking from each other: the one whose name comes first is served first.
      await releaseAll(book.recall(account, !desk.busy(account) || by < options.holder));
    },
    [Symbol.asyncDispose]: () => releaseAll(book.collectAll()),
  };
}

/** Calls that need several accounts take them in the same order, so that two never wait for each other. */
const inOneOrder = (charges: readonly Charge[]) => charges.toSorted((a, b) => (accountKey("", a) < accountKey("", b) ? -1 : 1));

function holdOf(book: LeaseBook, slices: readonly Slice[]): Hold {
  const reservations = slices.map(({ charge, lease, units }): Reservation => {
    const { scope, unit, window } = charge;
    return { scope, unit, window, units, leaseId: lease.id };
  });
  return { reservations, commit: () => book.commit(slices), giveBack: () => book.giveBack(slices) };
}

const whyNot: Readonly<Record<Shortage["why"], string>> = {
  exhausted: "nothing is left",
  elsewhere: "the rest is with another replica, which does not answer",
  unreachable: "the budget cannot be asked now",
};

function refusal(shortage: Shortage, { scope, unit, window }: Charge): { message: string; retryAfter: number } {
  const what = `${unit} of ${scope} per ${window}`;
  return { message: `${what}: ${whyNot[shortage.why]}`, retryAfter: shortage.retryAfter };
}
