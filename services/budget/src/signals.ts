import type { Logger } from "@aegis/service/logger";
import type { Telemetry } from "@aegis/telemetry/telemetry";
import type { BurningAccount, Signals } from "#usecases/ports.ts";

export interface BudgetSignals extends Signals {
  policiesLoaded(tenant: string, version: string): void;
  policiesRefused(tenant: string, error: unknown): void;
  /** An event that can never be used. */
  unusableEvent(subject: string, error: unknown): void;
  /** A tenant's books refuse its events for now. */
  eventsRefused(tenant: string, error: unknown): void;
  sweepFailed(error: unknown): void;
  /** The accounts nearest to their limits, as last looked at. */
  burning(accounts: readonly BurningAccount[]): void;
}

/** Everything this service counts and every business line it logs. */
export function signals(telemetry: Telemetry, logger: Logger): BudgetSignals {
  const leases = telemetry.counter("aegis_budget_leases_total", "Leases asked for, by what came of it.");
  const leasedUnits = telemetry.counter("aegis_budget_leased_units_total", "Units handed out in leases.");
  const reservations = telemetry.counter("aegis_budget_reservations_total", "Direct reservations, by what came of them.");
  const admissions = telemetry.counter("aegis_budget_rate_calls_total", "Calls held to a rate, by whether there was room for them.");
  const uncovered = telemetry.counter("aegis_budget_uncovered_units_total", "Units decisions took from leases that had been taken back.");
  const reclaimed = telemetry.counter("aegis_budget_reclaimed_leases_total", "Leases taken back from holders that had died.");
  const breakers = telemetry.counter("aegis_budget_breaker_changes_total", "Changes of breakers, by their new state and why they opened.");
  const overdue = telemetry.counter("aegis_budget_overdue_decisions_total", "Decisions settled as reserved for want of an outcome.");
  const unusable = telemetry.counter("aegis_budget_unusable_events_total", "Events that could not be understood.");
  const refused = telemetry.counter("aegis_budget_refused_events_total", "Batches of events that a tenant's books refused for now.");
  const policies = telemetry.counter("aegis_budget_policies_total", "Policy revisions seen, by whether they could be used.");
  let burning: readonly BurningAccount[] = [];
  telemetry.gauge("aegis_budget_used_ratio", "How much of a daily limit is spent or held, of the accounts nearest to theirs.", () =>
    burning.map(({ used, ...labels }) => ({ value: used, labels })),
  );
  return {
    burning(accounts) {
      burning = accounts;
    },
    leased(result, units) {
      leases.add(1, { result });
      if (units > 0) leasedUnits.add(units);
    },
    reserved: (result) => reservations.add(1, { result }),
    admitted(calls, refused) {
      if (calls > 0) admissions.add(calls, { result: "admitted" });
      if (refused > 0) admissions.add(refused, { result: "refused" });
    },
    uncovered(tenant, units) {
      uncovered.add(units);
      logger.error({ alarm: "lease_overdrawn", tenant, units }, "decisions took units from a lease that had been taken back");
    },
    reclaimed(count) {
      reclaimed.add(count);
      logger.info({ leases: count }, "leases of dead holders were taken back");
    },
    breakerChanged(tenant, { scope, state, cause }) {
      breakers.add(1, { state, cause: cause ?? "" });
      if (state === "open") logger.warn({ alarm: "breaker_open", tenant, scope, cause }, "a breaker is open: its calls are paused");
      else logger.info({ tenant, scope, state }, "a breaker changed its state");
    },
    overdue: (count) => overdue.add(count),
    policiesLoaded(tenant, version) {
      policies.add(1, { result: "loaded" });
      logger.info({ tenant, version }, "limits are known");
    },
    policiesRefused(tenant, error) {
      policies.add(1, { result: "refused" });
      logger.error({ err: error, tenant }, "a tenant's policies cannot be used; its last limits stay");
    },
    unusableEvent(subject, error) {
      unusable.add(1);
      logger.error({ err: error, subject }, "an event cannot be used; it is dropped");
    },
    eventsRefused(tenant, error) {
      refused.add(1);
      logger.error({ err: error, tenant }, "events could not be applied to a tenant's books; they will be delivered again");
    },
    sweepFailed: (error) => logger.warn({ err: error }, "overdue reservations could not be checked; trying again"),
  };
}
