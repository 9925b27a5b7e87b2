import type { Logger } from "@aegis/service/logger";
import type { Telemetry } from "@aegis/telemetry/telemetry";
import type { Signals } from "#usecases/ports.ts";

export interface TokenSignals extends Signals {
  /** A round of background work failed; it is tried again. */
  roundFailed(work: string, error: unknown): void;
}

/** Everything this service counts and every business line it logs. */
export function signals(telemetry: Telemetry, logger: Logger): TokenSignals {
  const issued = telemetry.counter("aegis_tokens_issued_total", "Tokens issued, by kind: an agent's own, or delegated.");
  const refused = telemetry.counter("aegis_tokens_refused_total", "Requests to the OAuth endpoints that were refused, by error.");
  const replayed = telemetry.counter("aegis_token_assertions_replayed_total", "Client assertions presented a second time.");
  const revoked = telemetry.counter("aegis_tokens_revoked_total", "Tokens revoked, with all that were delegated from them.");
  const changed = telemetry.counter("aegis_agents_changed_total", "Agents registered, suspended, resumed and revoked.");
  const told = telemetry.histogram("aegis_revocation_publish_seconds", "From the commit of a revocation until NATS has it.");
  const untold = telemetry.counter("aegis_revocation_publish_failures_total", "Revocations NATS could not be told of at once.");
  return {
    registered(agent) {
      changed.add(1, { command: "register" });
      logger.info(agent, "agent registered");
    },
    agentChanged(change) {
      changed.add(1, { command: change.command });
      logger.warn(change, "agent changed");
    },
    issued: (kind) => issued.add(1, { kind }),
    refused: (error) => refused.add(1, { error }),
    assertionReplayed(client) {
      replayed.add(1);
      logger.warn({ alarm: "assertion_replayed", ...client }, "a client assertion was presented twice");
    },
    proposed: ({ id, change, by }) => logger.warn({ id, action: change.action, tenant: change.tenant, by }, "waits for a second person"),
    agreed: ({ id, change, by, approver }) =>
      logger.warn({ id, action: change.action, tenant: change.tenant, by, approver }, "done, with a second person's agreement"),
    tokensRevoked: (count) => revoked.add(count),
    revocationPublished: (seconds) => told.record(seconds),
    revocationNotPublished(error) {
      untold.add(1);
      logger.warn({ err: error }, "NATS could not be told of a revocation; it will be");
    },
    roundFailed: (work, error) => logger.warn({ err: error, work }, "background work failed; trying again"),
  };
}
