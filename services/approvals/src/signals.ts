import type { Logger } from "@aegis/service/logger";
import type { Telemetry } from "@aegis/telemetry/telemetry";
import type { ChannelSignals } from "#usecases/channel-ports.ts";
import type { Depth, Signals } from "#usecases/ports.ts";

export interface ApprovalSignals extends Signals, ChannelSignals {
  /** An event that can never be used. */
  unusableEvent(subject: string, error: unknown): void;
  /** How many approvals wait for people, by queue, as last counted. */
  waiting(depths: readonly Depth[]): void;
  sweepFailed(error: unknown): void;
  deliveryFailed(error: unknown): void;
}

/** Everything this service counts and every business line it logs. */
export function signals(telemetry: Telemetry, logger: Logger): ApprovalSignals {
  const requested = telemetry.counter(
    "aegis_approvals_requested_total",
    "Calls that were held for people; folded ones joined a pending approval.",
  );
  const decided = telemetry.counter("aegis_approvals_decided_total", "Approvals by the state they reached.");
  const latency = telemetry.histogram("aegis_approval_latency_seconds", "From the held call to the state reached.", latencyBuckets);
  const redeemed = telemetry.counter("aegis_overrides_redeemed_total", "Attempts to spend an override, by result.");
  const grantsUsed = telemetry.counter("aegis_approval_grants_used_total", "Attempts to use a standing grant, by result.");
  const replayed = telemetry.counter("aegis_overrides_replayed_total", "Overrides presented again after they were spent.");
  const unusable = telemetry.counter("aegis_approvals_unusable_events_total", "Events that could not be understood.");
  const delivered = telemetry.counter("aegis_approvals_notices_total", "Attempts to tell people, by kind of channel and result.");
  let pending: readonly Depth[] = [];
  telemetry.gauge("aegis_approvals_pending", "Approvals that wait for people.", () =>
    pending.map(({ tenant, queue, many }) => ({ value: many, labels: { tenant, queue } })),
  );
  return {
    requested: (how) => requested.add(1, { how }),
    decided(state, seconds) {
      decided.add(1, { state });
      if (seconds >= 0) latency.record(seconds, { state });
    },
    redeemed: (result) => redeemed.add(1, { result }),
    grantUsed: (result) => grantsUsed.add(1, { result }),
    redeemedTwice(alarm) {
      replayed.add(1);
      logger.error({ alarm: "override_replayed", ...alarm }, "a spent override was presented again by another decision");
    },
    unusableEvent(subject, error) {
      unusable.add(1);
      logger.error({ err: error, subject }, "an event cannot be used; it is dropped");
    },
    waiting(depths) {
      pending = depths;
    },
    delivered: (kind, result) => delivered.add(1, { kind, result }),
    undelivered: (failure, error) => logger.warn({ err: error, ...failure }, "a message was not sent; trying again"),
    unanswered: ({ tenant, name }, error) => logger.warn({ err: error, tenant, channel: name }, "Slack could not be reached"),
    socketsFailed: (error) => logger.warn({ err: error }, "connections to Slack could not be kept; trying again"),
    deliveryFailed: (error) => logger.warn({ err: error }, "messages could not be sent; trying again"),
    sweepFailed: (error) => logger.warn({ err: error }, "expiry could not be checked; trying again"),
  };
}

/** People answer within seconds or days. */
const latencyBuckets = [1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 14_400, 86_400];
