import type { Logger } from "@aegis/service/logger";
import type { Telemetry } from "@aegis/telemetry/telemetry";
import type { Backlog, ExportSignals } from "#usecases/export-ports.ts";
import type { Signals } from "#usecases/ports.ts";
import type { RetentionSignals } from "#usecases/retention-ports.ts";

/** Every counter, histogram and business log line of this service. */
export function signals(telemetry: Telemetry, logger: Logger): Signals {
  const entries = telemetry.counter("aegis_ledger_entries", "Entries appended to the ledger");
  const duplicates = telemetry.counter("aegis_ledger_duplicates", "Deliveries of events that were in the ledger already");
  const alarms = telemetry.counter("aegis_ledger_alarms", "Messages that were quarantined, and equivocations");
  const checkpoints = telemetry.counter("aegis_ledger_checkpoints", "Checkpoints made");
  const refusals = telemetry.counter("aegis_ledger_checkpoint_refusals", "Checkpoints that the signer found inconsistent");
  const unwitnessed = telemetry.counter("aegis_ledger_unwitnessed", "Checkpoints that a witness was shown and did not sign");
  const losses = telemetry.counter(
    "aegis_ledger_checkpoints_lost",
    "Rounds that met a checkpoint which is archived and not in the database",
  );
  const badStatements = telemetry.counter(
    "aegis_ledger_bad_statements",
    "Producers' statements that were not signed by a pinned key, by why",
  );
  const erasures = telemetry.counter("aegis_ledger_erasures", "Data subjects whose keys were destroyed");
  const batchSeconds = telemetry.histogram("aegis_ledger_batch_seconds", "From a batch's arrival to its commit");
  const checkpointSeconds = telemetry.histogram("aegis_ledger_checkpoint_seconds", "From reading a head to its stored checkpoint");
  const business = businessOf(telemetry);
  return {
    counted: business,
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
    badStatement(why, producer) {
      badStatements.add(1, { why });
      logger.error({ why, producer }, "what came as a producer's statement is not signed by its key");
    },
    unwitnessed(refusal) {
      unwitnessed.add(1, { witness: refusal.witness });
      logger.error(refusal, "a witness did not sign this checkpoint");
    },
    erased({ keys, ...erasure }) {
      if (keys > 0) erasures.add(1);
      logger.warn({ ...erasure, keys }, keys > 0 ? "a data subject was erased" : "the erasure of a data subject waits for a second person");
    },
    personalShown: (what) => logger.warn(what, "sealed personal data were shown"),
    exported: (what) => logger.info(what, "recorded decisions were read in bulk"),
    lost(checkpoint) {
      losses.add(1);
      logger.error(checkpoint, "a checkpoint that was archived is gone from the database");
    },
    watchLag: (lag) => telemetry.gauge("aegis_ledger_lag_messages", "Messages stored in the streams and not yet in the ledger", lag),
  };
}

/** So many tenants have series of their own; what more there are is summed up as "other". */
const mostTenants = 200;

/** The tenants' business in numbers, as it comes into the ledger: each event counts once, whatever is delivered again. */
function businessOf(telemetry: Telemetry): Signals["counted"] {
  const decisions = telemetry.counter("aegis_tenant_decisions", "Decisions by tenant, decision and how the policy stood; without dry runs");
  const wouldDeny = telemetry.counter("aegis_tenant_would_deny", "Calls that a policy on trial would not have let through, by tenant");
  const cost = telemetry.counter("aegis_tenant_cost_micro_usd", "Cost of calls that went ahead, as estimated, by tenant");
  const tokens = telemetry.counter("aegis_tenant_tokens", "Tokens of calls that went ahead, as estimated, by tenant");
  const outcomes = telemetry.counter("aegis_tenant_outcomes", "What came of calls, by tenant and outcome");
  const control = telemetry.counter("aegis_control_events", "What happened to policies, identities, approvals and budgets");
  const known = new Set<string>();
  const labelOf = (tenant: string) => {
    if (known.size < mostTenants) known.add(tenant);
    return known.has(tenant) ? tenant : "other";
  };
  return ({ tenants, control: events }) => {
    for (const [event, many] of events) control.add(many, { event });
    for (const [name, one] of tenants) {
      const tenant = labelOf(name);
      for (const [key, many] of one.decisions) {
        const [decision = "", policy = ""] = key.split(" ");
        decisions.add(many, { tenant, decision, policy });
      }
      for (const [outcome, many] of one.outcomes) outcomes.add(many, { tenant, outcome });
      wouldDeny.add(one.wouldDeny, { tenant });
      cost.add(one.microUsd, { tenant });
      tokens.add(one.tokens, { tenant });
    }
  };
}

/** The same of exports, streams and sinks. */
export function exportSignals(telemetry: Telemetry, logger: Logger): ExportSignals {
  const delivered = telemetry.counter("aegis_sink_entries", "Entries that sinks took, or refused for good, by kind of sink");
  const failures = telemetry.counter("aegis_sink_failures", "Batches that a sink did not take, by kind of sink");
  let streams = 0;
  let backlog: readonly Backlog[] = [];
  telemetry.gauge("aegis_streams_open", "Streams of server-sent events that are open", () => streams);
  telemetry.gauge("aegis_sink_backlog_entries", "Entries that the sink furthest behind still has to be sent, by tenant and kind", () =>
    backlog.map(({ tenant, kind, behind }) => ({ value: behind, labels: { tenant, kind } })),
  );
  telemetry.gauge("aegis_sinks_failing", "Sinks whose last batch was not taken, by tenant and kind", () =>
    backlog.map(({ tenant, kind, failing }) => ({ value: failing, labels: { tenant, kind } })),
  );
  return {
    entriesExported: (what) => logger.info(what, "entries were taken out"),
    streaming(change) {
      streams += change;
    },
    delivered(kind, entries, rejected) {
      if (entries > 0) delivered.add(entries, { kind, result: "delivered" });
      if (rejected > 0) delivered.add(rejected, { kind, result: "rejected" });
    },
    undelivered({ failures: inARow, ...sink }, why) {
      failures.add(1, { kind: sink.kind });
      const worth = inARow === 1 || inARow % 20 === 0;
      logger[worth ? "warn" : "debug"]({ ...sink, failures: inARow, why }, "a sink did not take a batch; trying again");
    },
    sinkChanged: (what) => logger.warn(what, "a sink was changed"),
    backlog(counted) {
      backlog = counted;
    },
    deliveryFailed: (error) => logger.warn({ err: error }, "a round of deliveries failed; the next one tries again"),
  };
}

/** What retention and legal holds say. */
export function retentionSignals(telemetry: Telemetry, logger: Logger): RetentionSignals {
  const retired = telemetry.counter("aegis_ledger_retired_entries", "Entries that retention removed");
  return {
    retired(what) {
      retired.add(what.entries);
      logger.info(what, "entries beyond retention were removed; their hashes stay");
    },
    held: (what) => logger.info(what, "a legal hold was changed"),
    failed: (err) => logger.warn({ err }, "a round of retention failed; it is tried again"),
  };
}
