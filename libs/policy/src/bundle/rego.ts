import type { PolicySet } from "../ir.ts";
import { callRego } from "./rego-call.ts";
import { conditionsRego } from "./rego-conditions.ts";
import { dataRego } from "./rego-data.ts";
import { rulesRego } from "./rego-rules.ts";

const decision = `package aegis

import rego.v1

default decision := {"decision": "deny", "reasons": [{"code": "internal"}], "redactions": []}

decision := {"decision": "deny", "reasons": [refusal], "redactions": []} if refusal

decision := answer("enforced") if {
	not refusal
	not shadowed
}

decision := object.union(answer("enforced"), {"shadow": object.remove(answer("all"), ["redactions"])}) if {
	not refusal
	shadowed
}

agent := call.principal.agent

arguments := object.get(call, "arguments", {})

chain := object.get(call.principal, "chain", [])

depth := object.get(call.principal, "depth", 0)

# What ends a call before any agent's policy is asked, and is never in shadow.
refusal := {"code": "internal"} if not call

else := {"code": "policy_missing"} if not call.principal.tenant == data.aegis.tenant

else := ruled("token_expired", data.aegis.governance) if {
	depth > 0
	(call.now / 1000) - call.principal.issuedAt > data.aegis.governance.tokenTtlSeconds
}

else := ruled("delegation_depth", data.aegis.governance) if depth > data.aegis.governance.maxDepth

else := {"code": "policy_missing"} if count(about(agent)) == 0

ruled(code, from) := {"code": code, "rule": from.rule} if from.rule

ruled(code, from) := {"code": code} if not from.rule

named(pattern, name) if pattern == name

named(pattern, name) if {
	endswith(pattern, "*")
	startswith(name, trim_suffix(pattern, "*"))
}

about(name) := {at | some at in data.aegis.index.exact[name]} | {at |
	some length in data.aegis.index.lengths
	length <= count(name)
	some at in data.aegis.index.prefixes[substring(name, 0, length)]
}

considered(name, "all") := about(name)

considered(name, "enforced") := {at | some at in about(name); data.aegis.policies[at].mode == "enforce"}

shadowed if count(considered(agent, "enforced")) < count(about(agent))

shadowed if {
	some at in considered(agent, "enforced")
	some rule in rules_of(at)
	rule.mode == "shadow"
}

rules_of(at) := [rule |
	some tool in data.aegis.policies[at].tools
	tool.name == call.tool
	some rule in tool.actions
	rule.name == call.action
]

answer(extent) := assembled(delegation(extent), []) if count(delegation(extent)) > 0

answer("enforced") := assembled(scope | prompt("enforced"), []) if count(considered(agent, "enforced")) == 0

answer(extent) := assembled(found, redactions(extent)) if {
	count(considered(agent, extent)) > 0
	count(delegation(extent)) == 0
	found := union({
		mention(agent, extent, 1, 0), scope, rules(agent, extent, 3, 0), drifted(extent), chained(extent),
		sensitive(extent), approvals(agent, extent, 0), chained_approvals(extent), prompt(extent),
	})
}

assembled(found, redacted) := {
	"decision": worst({effect | some [_, _, _, _, _, _, effect, _] in found}, redacted),
	"reasons": [reason | some [_, _, _, _, _, _, _, reason] in found],
	"redactions": [redaction | some redaction in redacted; not "deny" in {effect | some [_, _, _, _, _, _, effect, _] in found}],
}

worst(effects, _) := "deny" if "deny" in effects

worst(effects, _) := "approval_needed" if {
	not "deny" in effects
	"ask" in effects
}

worst(effects, redacted) := "sanitize" if {
	not "deny" in effects
	not "ask" in effects
	count(redacted) > 0
}

worst(effects, redacted) := "allow" if {
	not "deny" in effects
	not "ask" in effects
	count(redacted) == 0
}

# Delegation: who may hand work on, and how often.
delegation(extent) := set() if {
	depth == 0
	count(chain) < 2
}

delegation(extent) := deep | foreign if {
	not undelegated
	some_policies := considered(agent, extent)
	deep := {[0, 0, at, 0, 0, 0, "deny", ruled("delegation_depth", data.aegis.policies[at].delegation)] |
		some at in some_policies
		depth > data.aegis.policies[at].delegation.maxDepth
	}
	foreign := {[0, 0, at, 1, 0, 0, "deny", ruled("delegation_source", data.aegis.policies[at].delegation)] |
		some at in some_policies
		data.aegis.policies[at].delegation
		not accepted(data.aegis.policies[at].delegation)
	}
}

undelegated if {
	depth == 0
	count(chain) < 2
}

accepted(rule) if {
	chain[1]
	not rule.acceptFrom
}

accepted(rule) if {
	some pattern in rule.acceptFrom
	named(pattern, chain[1])
}

# Default deny: some policy must speak of the tool and the action.
mention(name, extent, phase, actor) := set() if mentioned(name, extent)

mention(name, extent, phase, actor) := {[phase, actor, -1, 0, 0, 0, "deny", {"code": "action_not_allowed", "rule": known(name, extent)[0]}]} if {
	not mentioned(name, extent)
	count(known(name, extent)) > 0
}

mention(name, extent, phase, actor) := {[phase, actor, -1, 0, 0, 0, "deny", {"code": "tool_not_allowed", "rule": data.aegis.policies[min(considered(name, extent))].rule}]} if {
	not mentioned(name, extent)
	count(known(name, extent)) == 0
}

known(name, extent) := [tool.rule |
	some at in considered(name, extent)
	some tool in data.aegis.policies[at].tools
	tool.name == call.tool
]

mentioned(name, extent) if {
	some at in considered(name, extent)
	count(rules_of(at)) > 0
}

mentioned(name, extent) if {
	some at in considered(name, extent)
	count(denies(at, 0, 0)) > 0
}

scope := set() if {
	some item in object.get(call.principal, "scope", [])
	item in {concat(":", [escaped(call.tool), escaped(call.action)]), concat(":", [escaped(call.tool), "*"])}
}

else := {[2, 0, 0, 0, 0, 0, "deny", {"code": "scope_missing"}]}

escaped(name) := replace(name, ":", "%3A")

# The agent is not the one that was approved.
drifted(extent) := {[4, 0, at, 0, 0, 0, drift_effects[rule.action], {"code": "drift_detected", "rule": rule.rule}] |
	call.drift == true
	some at in considered(agent, extent)
	rule := data.aegis.policies[at].onDrift
}

drift_effects := {"deny": "deny", "approval_needed": "ask", "flag": "note"}

# Rules that want every call approved.
approvals(name, extent, actor) := {[7, actor, at, 0, 0, 0, "ask", {"code": "approval_required", "rule": rule.approval.rule}] |
	some at in considered(name, extent)
	some rule in rules_of(at)
	counts(rule, extent)
	rule.approvalAlways
}

chained_approvals(extent) := union({approvals(actor, extent, k) |
	some k, actor in chain
	k > 0
	first_time(k, actor)
	count(intersecting(extent)) > 0
})

# authority: intersect. Each earlier actor must be allowed the same call by its own policies.
chained(extent) := union({of_actor(k, actor, extent) |
	some k, actor in chain
	k > 0
	first_time(k, actor)
	count(intersecting(extent)) > 0
})

first_time(k, actor) if count([1 | some j, other in chain; j > 0; j < k; other == actor]) == 0

intersecting(extent) := [data.aegis.policies[at].delegation |
	some at in considered(agent, extent)
	data.aegis.policies[at].delegation.authority == "intersect"
]

of_actor(k, actor, extent) := {[5, k, 0, 0, 0, 0, "deny", ruled("policy_missing", intersecting(extent)[0])]} if count(about(actor)) == 0

else := mention(actor, extent, 5, k) | rules(actor, extent, 5, k) if count(considered(actor, extent)) > 0

else := set()

`;

/**
 * `aegis/decision.rego`: what the native engine decides, for OPA. It reads the rules from `aegis/data.json` and the call from `input`
 * (an `EvaluationInput`), and answers at `data.aegis.decision` with `{decision, reasons, redactions, shadow?}`; reasons carry code,
 * pointer and rule, in the native engine's order. But for the conditions, the text is the same for every tenant and revision.
 *
 * Findings are tuples `[phase, actor, policy, step, i, j, effect, reason]`: a set of them sorts itself into that order.
 */
export const decisionRego = (policies: PolicySet): string =>
  `${decision}${callRego}\n${dataRego}\n${rulesRego}\n${conditionsRego(policies)}`;
