import type { BudgetService } from "@aegis/contracts/aegis/budget/v1/budget";
import type { Reservation } from "@aegis/contracts/decision-event";
import type { Charge } from "@aegis/policy/input";
import { organisationIn } from "@aegis/policy/limits";
import type { RpcClient } from "@aegis/rpc/client";
import type { Logger } from "@aegis/service/logger";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { accountKey, type Lease, LeaseBook, type Slice } from "#domain/leases.ts";
import type { Budget, Clock, Hold, Reserved } from "#usecases/ports.ts";
import { type AccountName, LeaseDesk, type Recalls, type Shortage } from "./lease-desk.ts";

export interface LeasedBudget extends Budget, AsyncDisposable {
  /** Gives back what nobody uses; to be called about once a second. */
  sweep(): Promise<void>;
  /**
   * Tells the budget service that this holder lives, so that what its ended leases have left comes back although an answer or a release
   * was lost; to be called every few seconds. `published`: no event of this process waits to be stored.
   */
  live(published: () => boolean): Promise<void>;
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
const reserveDeadlineMs = 2_000;
const aliveDeadlineMs = 2_000;

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
        return refusal(slices, charge);
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
    async reservePastSoft(tenant, decisionId, all) {
      const charges = all.filter((charge) => charge.units > 0);
      const amounts = charges.map(({ scope, unit, window, units }) => ({ account: { tenant, scope, unit, window }, units: BigInt(units) }));
      const undo = () =>
        void options.client
          .release({ what: { case: "decisionId", value: decisionId } }, { deadlineMs: releaseDeadlineMs })
          .catch((error: unknown) => options.logger.warn({ err: error, decisionId }, "reservation could not be given back"));
      try {
        const answer = await options.client.reserve({ decisionId, amounts, pastSoft: true }, { deadlineMs: reserveDeadlineMs });
        const [first] = charges;
        if (first && !answer.reserved) {
          const charge = charges.find(({ scope, unit }) => scope === answer.refused?.scope && unit === answer.refused.unit) ?? first;
          return refusal({ why: "exhausted", retryAfter: Number(answer.retryAfter?.seconds ?? 60n) }, charge);
        }
      } catch (error) {
        // It may have been reserved all the same.
        undo();
        options.logger.warn({ err: error, decisionId }, "nothing can be reserved");
        return { ok: false, message: whyNot.unreachable, retryAfter: 2 };
      }
      const reservations = charges.map(({ scope, unit, window, units }): Reservation => ({ scope, unit, window, units }));
      return { ok: true, hold: { reservations, commit: () => undefined, giveBack: undo } };
    },
    view(tenant, charges) {
      return charges.flatMap((charge) => {
        // What is left of an organisation's tells one tenant what the others spent.
        if (organisationIn(charge.scope) !== undefined) return [];
        const account = accountKey(tenant, charge);
        const facts = book.facts(account);
        const { scope, unit } = charge;
        return facts ? [{ scope, unit, limit: facts.limit, remaining: facts.remaining + book.available(account, now()) }] : [];
      });
    },
    // Whoever cannot be asked for its units keeps none that nobody needs.
    sweep: () => releaseAll(options.recalls.possible() ? book.collect(now()) : book.collectAll()),
    async live(published) {
      // Looked at in this order: what the leases' decisions took is appended by now, so it is stored once nothing waits.
      const at = now();
      const appended = !book.endedPinned(at);
      const word = { holder: options.holder, published: appended && published(), saidAt: timestampFromMs(at) };
      await options.client.alive(word, { deadlineMs: aliveDeadlineMs });
    },
    async recalled({ tenant, ...name }, by) {
      const account = accountKey(tenant, name);
      if (by === options.holder) return;
      // Two that both need more must not take turns in taking from each other: the one whose name comes first is served first.
      await releaseAll(book.recall(account, !desk.busy(account) || by < options.holder));
    },
    [Symbol.asyncDispose]: () => releaseAll(book.collectAll()),
  };
}

/**
 * Calls that need several accounts take them in the same order, so that two never wait for each other. An organisation's comes last: a call
 * that its own tenant's budget does not hold must not keep units from another tenant's call meanwhile.
 */
const inOneOrder = (charges: readonly Charge[]) => charges.toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
const placeOf = (charge: Charge) => `${organisationIn(charge.scope) === undefined ? 0 : 1}${accountKey("", charge)}`;

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
  throttle: "what is left is spread over the rest of the window",
  approval_needed: "so much is used that a person has to agree to more",
};

function refusal({ why, retryAfter }: Shortage, charge: Charge): Reserved {
  const { scope, unit, window } = charge;
  const message = `${unit} of ${scope} per ${window}: ${whyNot[why]}`;
  return { ok: false, message, retryAfter, ...((why === "throttle" || why === "approval_needed") && { soft: { action: why, charge } }) };
}
