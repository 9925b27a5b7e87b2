import type { Logger } from "@aegis/service/logger";
import type { Telemetry } from "@aegis/telemetry/telemetry";
import type { Signals } from "#usecases/ports.ts";

/** Every counter, histogram and business log line of this service. */
export function signals(telemetry: Telemetry, logger: Logger): Signals {
  const entries = telemetry.counter("aegis_ledger_entries", "Entries appended to the ledger");
  const duplicates = telemetry.counter("aegis_ledger_duplicates", "Deliveries of events that were in the ledger already");
  const alarms = telemetry.counter("aegis_ledger_alarms", "Messages that were quarantined, and equivocations");
  const checkpoints = telemetry.counter("aegis_ledger_checkpoints", "Checkpoints made");
  const refusals = telemetry.counter("aegis_ledger_checkpoint_refusals", "Checkpoints that the signer found inconsistent");
  const losses = telemetry.counter(
    "aegis_ledger_checkpoints_lost",
    "Rounds that met a checkpoint which is archived and not in the database",
  );
  const batchSeconds = telemetry.histogram("aegis_ledger_batch_seconds", "From a batch's arrival to its commit");
  const checkpointSeconds = telemetry.histogram("aegis_ledger_checkpoint_seconds", "From reading a head to its stored checkpoint");
  return {
    appended(counts) {
      entries.add(counts.entries);
      duplicates.add(counts.duplicates);
      batchSeconds.record(counts.seconds);
    },
    alarm(alarm) {
      alarms.add(1, { reason: alarm.reason });
      logger.error(alarm, "a message was recorded as an alarm instead of an event");
    },
    checkpointed({ seconds, ...checkpoint }) {
      checkpoints.add(1);
      checkpointSeconds.record(seconds);
      logger.debug(checkpoint, "checkpoint made");
    },
    refused(refusal) {
      refusals.add(1);
      logger.error(refusal, "the signer refuses this ledger: it does not continue what was signed before");
    },
    exported: (what) => logger.info(what, "recorded decisions were read in bulk"),
    lost(checkpoint) {
      losses.add(1);
      logger.error(checkpoint, "a checkpoint that was archived is gone from the database");
    },
    watchLag: (lag) => telemetry.gauge("aegis_ledger_lag_messages", "Messages stored in the streams and not yet in the ledger", lag),
  };
}
