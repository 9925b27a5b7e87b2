import { every } from "@aegis/service/every";
import type { Health } from "@aegis/service/health";
import type { Spool, SpoolState } from "@aegis/spool/spool";
import type { AdoptRevocations } from "#usecases/adopt-revocations.ts";

/** What recurs. */
export interface Duties {
  readonly spool: Spool;
  readonly health: Health;
  readonly revocations: AdoptRevocations;
  /** Shows others what this replica has in force. */
  readonly heartbeat: () => Promise<void>;
  /** Gives back leases that nobody uses, and says that their holder lives. */
  readonly budget: { sweep(): Promise<void>; live(published: () => boolean): Promise<void> };
  /** Events of this process that are not stored yet. */
  readonly lag: () => number;
  readonly signals: { upkeepFailed(what: string, error: unknown): void; spoolState(state: SpoolState): void };
  /** Stops this process, for a supervisor to start it afresh. */
  readonly giveUp: (why: Error) => void;
}

/** How long a dead spool denies everything before the process gives up: a disk that was full may have room for a new start. */
const deadForMs = 5_000;

/** Starts the recurring duties; each runs at once and then at its interval, never twice at the same time. */
export function keepSchedule(duties: Duties): AsyncDisposable {
  const { spool, revocations } = duties;
  const failed = (what: string) => (error: unknown) => duties.signals.upkeepFailed(what, error);
  const spoolCheck = duties.health.check("spool");
  const revocationCheck = duties.health.check("revocations");
  const watchRevocations = async () => (revocations.fresh() ? revocationCheck.up() : revocationCheck.down("too old to act on"));
  let deadSince: number | undefined;
  const watchSpool = async () => {
    const state = spool.state();
    if (state === "deny" || state === "dead") spoolCheck.down(state === "dead" ? "dead" : "full");
    else spoolCheck.up();
    deadSince = state === "dead" ? (deadSince ?? performance.now()) : undefined;
    if (deadSince !== undefined && performance.now() - deadSince > deadForMs) duties.giveUp(new Error("the spool cannot be written"));
    duties.signals.spoolState(state);
  };
  const started = [
    every(1_000, watchSpool, failed("watching the spool")),
    every(1_000, watchRevocations, failed("watching revocations")),
    every(1_000, duties.budget.sweep, failed("giving leases back")),
    every(5_000, () => duties.budget.live(() => duties.lag() === 0), failed("telling budget that this replica lives")),
    every(2_000, () => revocations.refresh(), failed("refreshing revocations")),
    every(2_000, duties.heartbeat, failed("the replica's heartbeat")),
  ];
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(started.map((one) => one[Symbol.asyncDispose]()));
    },
  };
}
