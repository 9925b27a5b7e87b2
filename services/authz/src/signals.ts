import type { Logger } from "@aegis/service/logger";
import type { SpoolState } from "@aegis/spool/spool";
import type { Telemetry } from "@aegis/telemetry/telemetry";
import type { CheckSignals, PolicySignals } from "#usecases/ports.ts";

/** Upper bounds in seconds: fine where the target lies. */
const latencyBuckets = [0.00025, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.05, 0.1, 0.25, 1, 5];

export interface Signals {
  readonly check: CheckSignals;
  readonly policy: PolicySignals;
  /** What is read at each scrape. */
  watch(read: {
    spool: { bytes(): number };
    spoolLimit: number;
    log: { lag(): number; publisher: { inFlight(): number } };
    revocationAge: () => number;
  }): void;
  outcomeReported(outcome: number): void;
  /** A call was not let in. */
  refusedBusy(): void;
  revocationUnreadable(key: string, error: unknown): void;
  upkeepFailed(what: string, error: unknown): void;
  /** Tells of a change; called again and again. */
  spoolState(state: SpoolState): void;
}

/** Every metric and business log line of authz. */
export function signals(telemetry: Telemetry, logger: Logger): Signals {
  const decisions = telemetry.counter("aegis_decisions", "Decisions by decision and first reason");
  const wouldDeny = telemetry.counter("aegis_shadow_decisions", "What enforcement would have decided, by decision");
  const duration = telemetry.histogram("aegis_decision_duration_seconds", "From a call's arrival to its durable decision", latencyBuckets);
  const unauthenticated = telemetry.counter("aegis_authn_failures", "Calls whose token did not verify");
  const busy = telemetry.counter("aegis_rpc_refused", "Calls refused at once because too many were being answered");
  const unrecorded = telemetry.counter("aegis_unrecorded_decisions", "Decisions denied because they could not be recorded");
  const activated = telemetry.counter("aegis_policy_activations", "Revisions that came into force on this replica");
  const refused = telemetry.counter("aegis_policy_refusals", "Heads and bundles that were not accepted");
  const alone = telemetry.counter("aegis_policy_barrier_timeouts", "Prepared revisions that went into force without the word to do so");
  let lastSpoolState: SpoolState = "ok";
  const outcomes = telemetry.counter("aegis_outcomes", "Outcomes reported by agents");
  return {
    check: {
      decided(decision, code, seconds, { shadow, dryRun }) {
        decisions.add(1, { decision, reason: code ?? "", dry_run: String(dryRun) });
        if (shadow !== undefined) wouldDeny.add(1, { decision: shadow });
        duration.record(seconds, { decision });
      },
      unauthenticated: () => unauthenticated.add(1),
      unrecorded(decisionId, error) {
        unrecorded.add(1);
        logger.error({ err: error, decisionId }, "decision could not be recorded");
      },
    },
    policy: {
      activated(tenant, version, milliseconds) {
        activated.add(1);
        logger.info({ tenant, version, milliseconds }, "policies are in force");
      },
      refused(tenant, why) {
        refused.add(1);
        logger.error({ tenant, why }, "policies were not accepted; the last good ones stay in force");
      },
      barrierTimedOut(tenant, version) {
        alone.add(1);
        logger.warn({ tenant, version }, "prepared policies went into force without the word of policy-compiler");
      },
      unannounced: (tenant, error) => logger.error({ err: error, tenant }, "an activation could not be recorded"),
    },
    watch(read) {
      telemetry.gauge("aegis_spool_bytes", "Bytes in the local spool", () => read.spool.bytes());
      telemetry.gauge("aegis_spool_limit_bytes", "Bytes the local spool may hold before calls are denied", () => read.spoolLimit);
      telemetry.gauge("aegis_publish_lag_events", "Events in the spool that JetStream has not stored yet", () => read.log.lag());
      telemetry.gauge("aegis_publish_in_flight", "Events on their way to JetStream", () => read.log.publisher.inFlight());
      telemetry.gauge("aegis_revocation_age_seconds", "Age of what is known of revocations", read.revocationAge);
    },
    refusedBusy: () => busy.add(1),
    outcomeReported: (outcome) => outcomes.add(1, { outcome: ["", "executed", "failed", "rolled_back"][outcome] ?? "" }),
    revocationUnreadable: (key, error) => logger.error({ err: error, key }, "revocation cannot be understood"),
    upkeepFailed: (what, error) => logger.warn({ err: error }, `${what} failed; trying again`),
    spoolState(state) {
      if (state === lastSpoolState) return;
      lastSpoolState = state;
      logger[state === "ok" ? "info" : state === "alarm" ? "warn" : "error"]({ state }, "the spool's state changed");
    },
  };
}
