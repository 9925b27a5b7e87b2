import type { Bus } from "@aegis/bus/connect";
import { openBucket } from "@aegis/bus/kv";
import { hints, stores } from "@aegis/contracts/subjects";
import { later } from "@aegis/service/clock";
import type { HealthCheck } from "@aegis/service/health";
import type { ServiceContext } from "@aegis/service/run";
import { z } from "zod";
import type { Breakers } from "#domain/breakers.ts";
import type { MadeCall } from "#domain/failed-calls.ts";
import type { AgentRow } from "#domain/streaks.ts";
import type { AdoptBundle } from "#usecases/adopt-bundle.ts";
import type { AdoptRevocations } from "#usecases/adopt-revocations.ts";

export interface EventUsecases {
  readonly policies: AdoptBundle;
  readonly revocations: AdoptRevocations;
  readonly breakers: Breakers;
  /** The ledger said how far it has this producer's events. */
  readonly ledgered: (word: z.infer<typeof watermark>) => Promise<void>;
  /** Gives back what another holder needs of an account. */
  readonly budget: { recalled(account: { tenant: string; scope: string; unit: string; window: string }, by: string): Promise<void> };
  readonly failedElsewhere: (call: MadeCall) => void;
  readonly streakElsewhere: (row: AgentRow) => void;
  readonly subjectKeys: { forget(key: string): void };
  /** Names this life of this replica. */
  readonly holder: string;
  readonly revocationUnreadable: (key: string, error: unknown) => void;
}

const breakerTold = z.object({ scope: z.string(), cause: z.string(), until: z.number() });

/** Follows the breakers, which are all read again after each reconnect. */
async function followBreakers(bus: Bus, context: ServiceContext, { breakers }: EventUsecases): Promise<AsyncDisposable> {
  return (await openBucket(bus, stores.budgetState)).watch({
    logger: context.logger,
    onEntry(key, value) {
      try {
        breakers.told(key, value && breakerTold.parse(JSON.parse(new TextDecoder().decode(value))));
      } catch (error) {
        context.logger.error({ err: error, key }, "a breaker's state is not usable");
      }
    },
  });
}

/** How long to wait before a bundle that could not be had is asked for again, in milliseconds: doubled each time. */
const retryMs = { first: 1_000, longest: 16_000 };

/** Follows the policy heads. `ready` goes up once every head has been considered. */
async function followPolicies(bus: Bus, context: ServiceContext, usecases: EventUsecases, ready: HealthCheck): Promise<AsyncDisposable> {
  const heads = await openBucket(bus, stores.policyHeads);
  const newest = new Map<string, number>();
  const first = new Set<Promise<void>>();
  const adopt = async (tenant: string, jws: string, revision: number, pause = retryMs.first): Promise<void> => {
    if (newest.get(tenant) !== revision || context.stopping.aborted) return;
    await usecases.policies.adopt(tenant, jws).catch((error: unknown) => {
      context.logger.warn({ err: error, tenant }, "bundle cannot be had yet");
      later(pause, () => void adopt(tenant, jws, revision, Math.min(2 * pause, retryMs.longest)));
    });
  };
  return heads.watch({
    logger: context.logger,
    onEntry(tenant, value, revision) {
      // A head that was taken away changes nothing: its policies end by their own expiry.
      if (value === undefined) return;
      newest.set(tenant, revision);
      const work = adopt(tenant, new TextDecoder().decode(value), revision);
      first.add(work);
      void work.finally(() => first.delete(work));
    },
    onReady: () => void Promise.allSettled(first).then(() => ready.up()),
  });
}

/** Follows the revocations. */
async function followRevocations(bus: Bus, context: ServiceContext, usecases: EventUsecases): Promise<AsyncDisposable> {
  const bucket = await openBucket(bus, stores.revocations);
  bus.onStatus((up) => up || usecases.revocations.follows(false));
  return bucket.watch({
    logger: context.logger,
    onEntry(key, value, revision) {
      try {
        usecases.revocations.entry(key, value, revision);
      } catch (error) {
        usecases.revocationUnreadable(key, error);
      }
    },
    onReady: () => usecases.revocations.follows(true),
  });
}

const number = z.int().min(0);
const watermark = z.object({
  producer: z.string(),
  epoch: z.string(),
  sequence: number,
  highest: number.optional(),
  missing: z.array(z.tuple([number, number])).optional(),
});

/** Hears how far the ledger has what this replica spooled. A lost message is harmless: the next one says more. */
export function followWatermark(bus: Bus, context: ServiceContext, usecases: Pick<EventUsecases, "ledgered">): void {
  const heard = async (bytes: Uint8Array) => {
    const word = watermark.parse(JSON.parse(new TextDecoder().decode(bytes)));
    if (word.producer === context.instance) await usecases.ledgered(word);
  };
  const subscribe = () =>
    bus.connection.subscribe(hints.watermark(context.instance), {
      callback: (error, message) => {
        if (!error) heard(message.data).catch((cause: unknown) => context.logger.warn({ err: cause }, "watermark is not usable"));
      },
    });
  bus.ready().then(subscribe, () => undefined);
}

const recall = z.object({ tenant: z.string(), scope: z.string(), unit: z.string(), window: z.string(), by: z.string() });

/** Gives back unused leases that another replica needs. A lost message is harmless: it is said again as long as they are needed. */
function followRecalls(bus: Bus, context: ServiceContext, usecases: EventUsecases): void {
  const heard = async (bytes: Uint8Array) => {
    const { by, ...account } = recall.parse(JSON.parse(new TextDecoder().decode(bytes)));
    await usecases.budget.recalled(account, by);
  };
  const subscribe = () =>
    bus.connection.subscribe(hints.recall, {
      callback: (error, message) => {
        if (!error) heard(message.data).catch((cause: unknown) => context.logger.warn({ err: cause }, "recall is not usable"));
      },
    });
  bus.ready().then(subscribe, () => undefined);
}

const callFailed = z.object({ tenant: z.string(), agent: z.string(), actionDigest: z.string(), by: z.string() });

const agentStreak = z.object({
  ...{ tenant: z.string(), agent: z.string(), by: z.string().min(1) },
  kind: z.enum(["denied", "failed"]),
  calls: z.int().min(0),
});

const erased = z.object({ key: z.string() });

/** Hears one hint: whatever is said there may be lost, and `what` is not usable is passed over. */
function followHint<S extends z.ZodType>(
  bus: Bus,
  context: ServiceContext,
  hint: { readonly subject: string; readonly what: string; readonly schema: S },
  take: (heard: z.infer<S>) => void,
): void {
  const subscribe = () =>
    bus.connection.subscribe(hint.subject, {
      callback: (error, message) => {
        if (error) return;
        const heard = hint.schema.safeParse(safeJson(message.data));
        if (heard.success) take(heard.data);
        else context.logger.warn({ err: heard.error }, `${hint.what} is not usable`);
      },
    });
  bus.ready().then(subscribe, () => undefined);
}

function safeJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

/** Hears what other replicas and the ledger hint at. */
function followHints(bus: Bus, context: ServiceContext, usecases: EventUsecases): void {
  const { failedElsewhere, streakElsewhere, subjectKeys, holder } = usecases;
  // Lost: one more try of a call that failed goes ahead.
  followHint(bus, context, { subject: hints.callFailed, what: "a failed call told of", schema: callFailed }, (call) => {
    if (call.by !== holder) failedElsewhere(call);
  });
  // Lost: the next one says more.
  followHint(bus, context, { subject: hints.agentStreak, what: "an agent's streak", schema: agentStreak }, (row) => {
    if (row.by !== holder) streakElsewhere(row);
  });
  // Lost: a key is held a little longer, and opens nothing any more.
  followHint(bus, context, { subject: hints.subjectErased, what: "an erasure told of", schema: erased }, ({ key }) =>
    subjectKeys.forget(key),
  );
}

/** Starts to hear NATS. Ready once the heads were read, or at once with policies from the disk. */
export async function followEvents(bus: Bus, context: ServiceContext, usecases: EventUsecases): Promise<void> {
  const ready = context.health.check("policies");
  await usecases.revocations.load();
  if ((await usecases.policies.load()) > 0) ready.up();
  context.own(await followRevocations(bus, context, usecases));
  context.own(await followBreakers(bus, context, usecases));
  context.own(await followPolicies(bus, context, usecases, ready));
  followWatermark(bus, context, usecases);
  followRecalls(bus, context, usecases);
  followHints(bus, context, usecases);
}
