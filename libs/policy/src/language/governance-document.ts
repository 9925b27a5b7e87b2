import type { JsonObject } from "@aegis/canonical/ijson";
import { metadata } from "./agent-policy-document.ts";
import { governanceLimit } from "./limit-document.ts";
import { keyed, listOf, optional, type RecordOf, record, required, unsupported } from "./reader.ts";
import * as read from "./scalars.ts";

/** What a bare governance document may hold, and the `spec` of `kind: Governance`. */
const members = {
  policy_engine: optional(
    record({
      mode: optional(read.oneOf("zero_trust")),
      evaluation: optional(read.oneOf("per_action")),
      fallback: optional(read.supported(["deny"], ["allow"], "write deny: what no policy allows is denied")),
    }),
  ),
  delegation: optional(
    keyed(
      record({
        token_ttl_seconds: optional(read.integer(1, 300)),
        max_depth: optional(read.integer(0, 3)),
        scope_inheritance: optional(read.oneOf("narrow_only")),
      }),
    ),
  ),
  audit: optional(
    record({
      storage: optional(read.oneOf("append_only")),
      schema_version: optional(read.shortText),
      capture_reasoning: optional(read.truth),
      retention_days: optional(read.integer(1, 36_500)),
    }),
  ),
  quotas: optional(
    record({
      enforcement_level: optional(read.oneOf("prompt")),
      max_actions_per_prompt: optional(keyed(read.integer(0, 1e12))),
      max_compute_tokens: optional(keyed(read.integer(0, 1e15))),
      circuit_breaker: optional(read.oneOf("pause_and_notify")),
    }),
  ),
  identity: optional(
    record({
      provider: optional(read.oneOf("oidc")),
      agent_registration: optional(read.oneOf("dynamic")),
      impersonation: optional(read.supported(["supported", "disabled"], [], "")),
      shared_keys: optional(read.supported(["disabled"], ["enabled"], "write disabled: every agent has its own key")),
    }),
  ),
};

const spec = {
  ...members,
  time_zone: optional(read.timeZone),
  require_justification: optional(read.truth),
  limits: optional(listOf(governanceLimit, { what: "limits" })),
  require_second_person: unsupported,
};

/** The bare document of the wild: its members are those of `spec`, without the ones Aegis adds. */
export const bareGovernanceDocument = record(members);

/** `kind: Governance`. */
export const governanceDocument = record({
  apiVersion: required(read.text),
  kind: required(read.text),
  metadata: required(metadata),
  spec: required(record(spec)),
});

export type GovernanceSpec = RecordOf<typeof spec>;

export const bareGovernanceKeys = Object.keys(members);

/** Members that decide no call, as written. */
export function settingsOf(value: GovernanceSpec): JsonObject {
  const { policy_engine, audit, identity, quotas, delegation } = value;
  const carried = {
    policy_engine,
    audit,
    identity,
    quotas: quotas && { enforcement_level: quotas.enforcement_level, circuit_breaker: quotas.circuit_breaker },
    delegation: delegation && { scope_inheritance: delegation.value.scope_inheritance },
  };
  return JSON.parse(JSON.stringify(carried)) as JsonObject;
}
