import { isScalar } from "yaml";
import { dlpRules, results, sessionRules } from "./data-rules-document.ts";
import { egressAllow } from "./egress-document.ts";
import { condition, cost } from "./expression-document.ts";
import { policyLimit } from "./limit-document.ts";
import { amountShape, checkAmount, priceInMoney } from "./money-document.ts";
import { named } from "./named-document.ts";
import { parameters } from "./parameter-document.ts";
import { checked, fault, keyed, listOf, optional, positioned, reader, record, required } from "./reader.ts";
import * as read from "./scalars.ts";

const mode = read.oneOf("enforce", "shadow");

const approval = keyed(
  record({
    queue: optional(read.label, "The team that is asked; `default` unless said otherwise."),
    quorum: optional(read.integer(1, 20), "How many different people must approve; 1 unless said otherwise."),
    expires: optional(read.duration, "How long the question stands, as `90s`, `30m`, `12h`; 30 minutes unless said otherwise."),
  }),
);

/** Of an action: known to a policy and to a catalog alike. */
export const durability = read.oneOf("T0", "T1", "T2");

const action = positioned(
  record({
    name: required(read.action, "The action, exactly."),
    mode: optional(mode, "`shadow`: the action is evaluated and reported, not enforced."),
    parameters: optional(
      parameters,
      "What the call's arguments must be, by name. What is not named here is refused, unless `additional_parameters` allows it.",
    ),
    additional_parameters: optional(
      read.oneOf("deny", "allow"),
      "What becomes of arguments that are not named: `deny` unless said otherwise.",
    ),
    when: optional(
      keyed(condition),
      "A CEL condition that must hold, over `args`, `dest`, `agent`, `context`, `session` and `now`. False or impossible to evaluate is a deny; with `approval`, false is a question.",
    ),
    approval: optional(approval, "Where a question goes. On an action without a parameter that has `beyond`, every call asks."),
    cost: optional(
      checked(
        record({
          usd: optional(cost, "US dollars: a number, or a CEL expression over the same variables as `when`."),
          money: optional(
            priceInMoney,
            "Instead of `usd`: another currency, as `EUR 0.25` or as a map. It counts in US dollars by the rate that governance declares.",
          ),
          tokens: optional(read.integer(0, 1e12), "Model tokens."),
        }),
        checkAmount,
        amountShape,
      ),
      "What a call costs; in tokens, unless the caller estimates more.",
    ),
    results: optional(results, "What holds for what this action answers, beside the policy's own `results`."),
    durability: optional(
      durability,
      "`T0` irreversible: synced to disk and acknowledged by JetStream before the answer. `T1` synced to disk. `T2` written to disk. Absent: the catalog's, else `T1`.",
    ),
    obligations: optional(listOf(read.label), "What the caller must do; one that it does not know means that it must not execute."),
  }),
);

const tool = positioned(
  record({
    name: required(read.tool, "The tool, exactly."),
    justification: optional(read.shortText, "Why these agents need it. Governance can ask for one."),
    review_by: optional(read.date, "The day by which the grant is to be looked at again, as `2027-01-31`."),
    deny: optional(
      listOf(positioned(read.actionPattern), { what: "actions" }),
      "Actions, or prefixes ending in `*`, that are refused whatever any policy allows.",
    ),
    actions: optional(listOf(action, { what: "actions" }), "The actions that are allowed, and on which terms."),
  }),
);

const spec = (tenant: string) =>
  record({
    agents: required(
      listOf(read.agentPattern, { atLeast: 1, what: "agents" }),
      "The agents it is about: exact names, or prefixes ending in `*`.",
    ),
    mode: optional(mode, "`enforce` unless said otherwise; `shadow`: evaluated and reported, not enforced."),
    purposes: optional(keyed(listOf(read.label, { atLeast: 1, what: "purposes" })), "When given, the call's purpose must be one of them."),
    delegation: optional(
      keyed(
        record({
          accept_from: optional(
            listOf(read.agentPattern, { what: "agents" }),
            "Agents, or prefixes ending in `*`, that may hand work to these agents.",
          ),
          max_depth: optional(read.integer(0, 3), "The most agent-to-agent hops."),
          authority: optional(read.oneOf("intersect"), "`intersect`: every actor of the chain must itself be allowed the call."),
        }),
      ),
      "Who may hand work to these agents, and how deep.",
    ),
    egress: optional(
      keyed(record({ allow: required(egressAllow(tenant), "Hosts, or hosts with a path and methods.") })),
      "Where calls may go. A destination that is not listed is refused; so is a URL that two readers might read differently. The scheme is not part of an entry, and a call that names no destination is not held to the list.",
    ),
    dlp: optional(dlpRules, "What is looked for in the arguments, in texts and names of members, and what becomes of it."),
    results: optional(results, "What holds for what these agents' tools answer."),
    session: optional(sessionRules, "What may no longer be called in a session once something was seen in it."),
    on_drift: optional(
      keyed(read.oneOf("deny", "approval_needed", "flag")),
      "What becomes of calls by an agent that is not what was approved: refused, a question to a person, or a reason that changes no decision.",
    ),
    limits: optional(listOf(policyLimit, { what: "limits" }), "Rates and budgets, for each of the agents on its own."),
    tools: required(listOf(tool, { what: "tools" }), "What the agents may call. What is not listed is denied."),
  });

/** `kind: AgentPolicy`. */
export const agentPolicyDocument = (tenant: string) => named("AgentPolicy", spec(tenant), "What some agents may do.");

export type AgentPolicyDocument = NonNullable<ReturnType<ReturnType<typeof agentPolicyDocument>>>;
export type AgentPolicySpec = AgentPolicyDocument["spec"];

/** `actions` of a bare document: names alone. */
export const actionNames = listOf(
  positioned(
    reader(read.action.schema, (place) =>
      isScalar(place.node) ? read.action(place) : fault(place, "wrong_type", `${place.path} is not a name`, "write the action's name"),
    ),
  ),
  { atLeast: 1, what: "actions", repeats: true },
);
