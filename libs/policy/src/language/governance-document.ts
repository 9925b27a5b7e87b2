import type { JsonObject } from "@aegis/canonical/ijson";
import { RE2JS } from "re2js";
import type { TenantDetector } from "../ir.ts";
import { breakerDocument } from "./breaker-document.ts";
import { detectorName } from "./data-rules-document.ts";
import { governanceLimit, organisationLimit } from "./limit-document.ts";
import { exchangeRates } from "./money-document.ts";
import { named, schemaReference } from "./named-document.ts";
import { checked, fault, keyed, listOf, optional, positioned, type RecordOf, record, required } from "./reader.ts";
import * as read from "./scalars.ts";

/** What a bare governance document may hold, and the `spec` of `kind: Governance`. */
const members = {
  policy_engine: optional(
    record({
      mode: optional(read.oneOf("zero_trust"), "What always holds."),
      evaluation: optional(read.oneOf("per_action"), "What always holds."),
      fallback: optional(
        read.always("deny", ["allow"], "write deny: what no policy allows is denied"),
        "What always holds: what no policy allows is denied.",
      ),
    }),
    "How the engine decides.",
  ),
  delegation: optional(
    keyed(
      record({
        token_ttl_seconds: optional(read.integer(1, 300), "The longest life of a delegated token."),
        max_depth: optional(read.integer(0, 3), "The most agent-to-agent hops."),
        scope_inheritance: optional(read.oneOf("narrow_only"), "What always holds: a delegated token never covers more than its parent."),
      }),
    ),
    "How work may be handed on.",
  ),
  audit: optional(
    record({
      storage: optional(read.oneOf("append_only"), "What always holds."),
      schema_version: optional(read.shortText, "Carried; nothing acts on it."),
      capture_reasoning: optional(read.truth, "Carried; nothing acts on it."),
      retention_days: optional(read.integer(1, 36_500), "Carried; nothing acts on it."),
    }),
    "How decisions are recorded.",
  ),
  quotas: optional(
    record({
      enforcement_level: optional(read.oneOf("prompt"), "What always holds for these quotas."),
      max_actions_per_prompt: optional(keyed(read.integer(0, 1e12)), "The most calls for one prompt, of all agents together."),
      max_compute_tokens: optional(keyed(read.integer(0, 1e15)), "The most model tokens for one prompt, of all agents together."),
      circuit_breaker: optional(
        keyed(read.oneOf("pause_and_notify")),
        "An agent, or a prompt of several, that only fails or is refused is paused, and people are told; `spec.circuit_breaker` says when.",
      ),
    }),
    "What one prompt may use.",
  ),
  identity: optional(
    record({
      provider: optional(read.oneOf("oidc"), "What always holds."),
      agent_registration: optional(read.oneOf("dynamic"), "What always holds."),
      impersonation: optional(read.oneOf("supported", "disabled"), "Carried; nothing acts on it."),
      shared_keys: optional(
        read.always("disabled", ["enabled"], "write disabled: every agent has its own key"),
        "What always holds: every agent has its own key.",
      ),
    }),
    "How agents prove who they are.",
  ),
};

const detector = positioned(
  record({
    name: required(detectorName, "What `detect` calls it; not a built-in one's name."),
    pattern: required(
      checked(read.pattern, (place, pattern) => {
        if (RE2JS.compile(pattern).matcher("").matches())
          fault(place, "invalid_pattern", `${place.path} is found in nothing at all`, "let it match at least one character");
      }),
      "An RE2 expression, found anywhere in a text.",
    ),
    context: optional(
      listOf(read.shortText, { atLeast: 1, what: "words" }),
      "Words of which one must stand near a match. Absent: none need.",
    ),
  }),
);

const spec = {
  ...members,
  time_zone: optional(read.timeZone, "Where the tenant's days begin, as an IANA name; UTC unless said otherwise."),
  require_justification: optional(read.truth, "`true`: a tool without a `justification` is refused."),
  require_approval: optional(read.truth, "`true`: what is published takes effect only once another person than its author approved it."),
  retry_unchanged: optional(
    keyed(read.integer(1, 1000)),
    "A call that failed more often than this is not tried again unchanged. Absent: as often as one likes.",
  ),
  circuit_breaker: optional(
    keyed(breakerDocument),
    "When an agent or a prompt is paused. An empty map, like `pause_and_notify` in `quotas`, pauses as is usual.",
  ),
  member_of: optional(
    read.tenant,
    "The organisation whose budgets the tenant's calls count on, besides its own: the tenant of this name, which lists this one.",
  ),
  organisation: optional(
    keyed(
      record({
        members: required(
          listOf(read.tenant, { atLeast: 1, what: "tenants" }),
          "The tenants that it bounds; each says `member_of` itself.",
        ),
        limits: required(listOf(organisationLimit, { atLeast: 1, what: "limits" }), "Budgets of all members together."),
      }),
    ),
    "This tenant is an organisation's own: what its members may use together.",
  ),
  exchange_rates: optional(
    exchangeRates,
    "How many US dollars one unit of each other currency counts as, by its code of ISO 4217. A call in a currency that is not here is denied.",
  ),
  limits: optional(listOf(governanceLimit, { what: "limits" }), "Rates and budgets of the tenant, or of one tool."),
  detectors: optional(listOf(detector, { what: "detectors" }), "Detectors of the tenant's own, for `detect`."),
};

/** The bare document of the wild: its members are those of `spec`, without the ones Aegis adds. */
export const bareGovernanceDocument = record({ ...schemaReference, ...members });

/** `kind: Governance`. */
export const governanceDocument = named("Governance", record(spec), "The tenant's ground rules. They hold for every agent.");

export type GovernanceSpec = RecordOf<typeof spec>;

export const bareGovernanceKeys = Object.keys(members);

export function lowerDetectors(spec: GovernanceSpec): TenantDetector[] {
  return (spec.detectors ?? []).map(({ at, value }) => ({
    rule: `${at.file}:${at.line}`,
    name: value.name,
    pattern: value.pattern,
    ...(value.context && { context: [...value.context] }),
  }));
}

/** Members that decide no call, as written. */
export function settingsOf(value: GovernanceSpec): JsonObject {
  const { policy_engine, audit, identity, quotas, delegation } = value;
  const carried = {
    policy_engine,
    audit,
    identity,
    quotas: quotas && { enforcement_level: quotas.enforcement_level, circuit_breaker: quotas.circuit_breaker?.value },
    delegation: delegation && { scope_inheritance: delegation.value.scope_inheritance },
  };
  return JSON.parse(JSON.stringify(carried)) as JsonObject;
}
