import { isScalar } from "yaml";
import { egressAllow } from "./egress-document.ts";
import { policyLimit } from "./limit-document.ts";
import { parameter } from "./parameter-document.ts";
import { fault, keyed, listOf, mapOf, optional, type Place, positioned, record, required, unsupported } from "./reader.ts";
import * as read from "./scalars.ts";

/** Metadata of every document that names a kind. */
export const metadata = record({ name: required(read.label), tenant: optional(read.tenant) });

const mode = read.oneOf("enforce", "shadow");

const approval = keyed(
  record({
    queue: optional(read.label),
    quorum: optional(read.integer(1, 20)),
    expires: optional(read.duration),
  }),
);

const cost = record({ usd: required(read.usd) });

const action = positioned(
  record({
    name: required(read.action),
    mode: optional(mode),
    parameters: optional(mapOf(read.parameterName, parameter)),
    additional_parameters: optional(read.oneOf("deny", "allow")),
    approval: optional(approval),
    cost: optional(cost),
    durability: optional(read.oneOf("T0", "T1", "T2")),
    obligations: optional(listOf(read.label)),
    when: unsupported,
    results: unsupported,
  }),
);

const tool = positioned(
  record({
    name: required(read.tool),
    justification: optional(read.shortText),
    deny: optional(listOf(positioned(read.actionPattern), { what: "actions" })),
    actions: optional(listOf(action, { what: "actions" })),
    review_by: unsupported,
  }),
);

const dlp = positioned(
  record({
    detect: required(listOf(read.detector, { atLeast: 1, what: "detectors" })),
    in: optional(listOf(read.pointerPattern, { atLeast: 1, what: "JSON pointers" })),
    action: required(read.oneOf("redact", "mask", "hash", "deny")),
  }),
);

const spec = (tenant: string) =>
  record({
    agents: required(listOf(read.agentPattern, { atLeast: 1, what: "agents" })),
    mode: optional(mode),
    purposes: optional(keyed(listOf(read.label, { atLeast: 1, what: "purposes" }))),
    delegation: optional(
      keyed(
        record({
          accept_from: optional(listOf(read.agentPattern, { what: "agents" })),
          max_depth: optional(read.integer(0, 3)),
          authority: optional(read.oneOf("intersect")),
        }),
      ),
    ),
    egress: optional(keyed(record({ allow: required(egressAllow(tenant)) }))),
    dlp: optional(listOf(dlp, { what: "rules" })),
    limits: optional(listOf(policyLimit, { what: "limits" })),
    tools: required(listOf(tool, { what: "tools" })),
    results: unsupported,
    session: unsupported,
    on_drift: unsupported,
  });

/** `kind: AgentPolicy`. */
export const agentPolicyDocument = (tenant: string) =>
  record({
    apiVersion: required(read.text),
    kind: required(read.text),
    metadata: required(metadata),
    spec: required(spec(tenant)),
  });

export type AgentPolicyDocument = NonNullable<ReturnType<ReturnType<typeof agentPolicyDocument>>>;
export type AgentPolicySpec = AgentPolicyDocument["spec"];

/** `actions` of a bare document: names alone. */
export const actionNames = listOf(
  positioned((place: Place) =>
    isScalar(place.node) ? read.action(place) : fault(place, "wrong_type", `${place.path} is not a name`, "write the action's name"),
  ),
  { atLeast: 1, what: "actions" },
);
