import type { Logger } from "@aegis/service/logger";
import type { Telemetry } from "@aegis/telemetry/telemetry";
import type { Signals } from "#usecases/ports.ts";

export interface PolicyCompilerSignals extends Signals {
  /** A message that can never be used. */
  unusableEvent(subject: string, error: unknown): void;
  reconcileFailed(error: unknown): void;
  /** Tenants whose head could not be handed out in the last round. */
  waiting(count: number): void;
  activated(milliseconds: number): void;
}

/** Everything this service counts and every business line it logs. */
export function signals(telemetry: Telemetry, logger: Logger): PolicyCompilerSignals {
  const published = telemetry.counter("aegis_policy_revisions_total", "Revisions appended, by how they came about.");
  const proposed = telemetry.counter("aegis_policy_proposed_total", "Revisions that wait for a second person, or waited.");
  const approved = telemetry.counter("aegis_policy_approved_total", "Proposed revisions that a second person approved.");
  const faulty = telemetry.counter("aegis_policy_refused_total", "Sets of policies that were refused for their faults.");
  const handedOut = telemetry.counter("aegis_policy_heads_written_total", "Heads handed out, new or renewed.");
  const failed = telemetry.counter("aegis_policy_heads_failed_total", "Heads that could not be handed out at once.");
  const unusable = telemetry.counter("aegis_policy_unusable_events_total", "Events that could not be understood.");
  const activation = telemetry.histogram("aegis_policy_activation_seconds", "From a head's issue to a replica's switch.");
  const restored = telemetry.counter("aegis_policy_bundles_restored_total", "Bundles that NATS had lost or changed.");
  const skew = telemetry.histogram("aegis_policy_switch_skew_seconds", "From the first to the last replica's switch to one revision.");
  const opa = telemetry.counter("aegis_opa_reports_total", "Status reports and decisions of OPAs, by what became of them.");
  let pending = 0;
  telemetry.gauge("aegis_policy_heads_pending", "Tenants whose head is not handed out.", () => pending);
  return {
    published({ tenant, revision, version, author, restores, promotes }) {
      published.add(1, { how: restores !== undefined ? "rollback" : promotes !== undefined ? "promotion" : "publish" });
      logger.info({ tenant, revision, version, author, restores, promotes }, "revision appended");
    },
    proposed({ tenant, revision, version, author, follows }) {
      proposed.add(1);
      logger.info({ tenant, revision, version, author, follows }, "revision proposed");
    },
    approved({ tenant, revision, version, author, approver }) {
      approved.add(1);
      logger.info({ tenant, revision, version, author, approver }, "revision approved");
    },
    faulty: (tenant, faults) => {
      faulty.add(1);
      logger.info({ tenant, faults }, "policies refused");
    },
    untested: (tenant, failed) => {
      faulty.add(1);
      logger.info({ tenant, failed }, "policies refused for their own tests");
    },
    handedOut(tenant, revision, why) {
      handedOut.add(1, { why });
      logger[why === "new" ? "info" : "debug"]({ tenant, revision, why }, "head handed out");
    },
    handOutFailed(tenant, error) {
      failed.add(1);
      logger.warn({ err: error, tenant }, "the head could not be handed out; trying again");
    },
    bundleRestored(tenant, revision) {
      restored.add(1);
      logger.error({ alarm: "bundle_restored", tenant, revision }, "NATS had lost or changed a bundle; it was put back from the database");
    },
    barrier(tenant, { live, late }) {
      if (late.length > 0) logger.warn({ tenant, live, late }, "replicas were not waited for any longer; the others switch without them");
    },
    skew: (milliseconds) => skew.record(milliseconds / 1_000),
    opaReported(kind, counts) {
      for (const [outcome, count] of Object.entries(counts)) if (count > 0) opa.add(count, { kind, outcome });
    },
    headAhead: (tenant, known, found) =>
      logger.error({ alarm: "head_ahead", tenant, known, found }, "a newer head is handed out than the database knows"),
    unusableEvent(subject, error) {
      unusable.add(1);
      logger.error({ err: error, subject }, "an event cannot be used; it is dropped");
    },
    reconcileFailed: (error) => logger.warn({ err: error }, "heads could not be compared; trying again"),
    waiting(count) {
      pending = count;
    },
    activated: (milliseconds) => activation.record(milliseconds / 1_000),
  };
}
