import { dataOf, type ExportRecord, reasonCodesOf } from "./record.ts";

/** How much a person should care, in the words that OCSF, ECS and CEF all have. */
export type Severity = "informational" | "low" | "medium" | "high" | "critical";

/** Refusals that hint at somebody forging, replaying or running away, rather than at a policy doing its work. */
const alarming: ReadonlySet<string> = new Set([
  "override_invalid",
  "token_replayed",
  "agent_revoked",
  "session_flow",
  "drift_detected",
  "circuit_open",
  "delegation_source",
]);

/** What an entry is worth to a SOC: a refusal medium, one that hints at an attack high, a forged or doubled event critical. */
export function severityOf(record: ExportRecord): Severity {
  if (record.kind === "quarantine") return "critical";
  if (record.kind === "outcome") return dataOf(record).outcome === "executed" ? "informational" : "low";
  if (record.kind === "control") return controlSeverity(record.type);
  if (reasonCodesOf(dataOf(record)).some((code) => alarming.has(code))) return "high";
  if (record.decision === "allow") return "informational";
  return record.decision === "sanitize" ? "low" : "medium";
}

function controlSeverity(type: string): Severity {
  if (/\.(revoked|token_revoked|owner_revoked|tenant_revoked|suspended|exhausted|tripped)\.v\d+$/.test(type)) return "medium";
  return "informational";
}
