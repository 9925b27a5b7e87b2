/**
 * `aegis/decision.rego`: what the native engine decides, for OPA. It reads the rules from `aegis/data.json` and the call from `input`
 * (an `EvaluationInput`), and answers at `data.aegis.decision` with `{decision, reasons, redactions, shadow?}`; reasons carry code,
 * pointer and rule, in the native engine's order. The text is the same for every tenant and revision.
 *
 * Findings are tuples `[phase, actor, policy, step, i, j, effect, reason]`: a set of them sorts itself into that order.
 */
export const decisionRego: string = String.raw`package aegis

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

agent := input.principal.agent

arguments := object.get(input, "arguments", {})

chain := object.get(input.principal, "chain", [])

depth := object.get(input.principal, "depth", 0)

# What ends a call before any agent's policy is asked, and is never in shadow.
refusal := {"code": "policy_missing"} if not input.principal.tenant == data.aegis.tenant

else := ruled("token_expired", data.aegis.governance) if {
	depth > 0
	(input.now / 1000) - input.principal.issuedAt > data.aegis.governance.tokenTtlSeconds
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

about(name) := {at |
	some at, policy in data.aegis.policies
	some pattern in policy.agents
	named(pattern, name)
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
	tool.name == input.tool
	some rule in tool.actions
	rule.name == input.action
]

answer(extent) := assembled(delegation(extent), []) if count(delegation(extent)) > 0

answer("enforced") := assembled(scope | prompt("enforced"), []) if count(considered(agent, "enforced")) == 0

answer(extent) := assembled(found, redactions(extent)) if {
	count(considered(agent, extent)) > 0
	count(delegation(extent)) == 0
	found := ((((mention(agent, extent, 1, 0) | scope) | rules(agent, extent, 3, 0)) | chained(extent)) | sensitive(extent)) | prompt(extent)
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
	tool.name == input.tool
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
	some item in object.get(input.principal, "scope", [])
	item in {concat(":", [escaped(input.tool), escaped(input.action)]), concat(":", [escaped(input.tool), "*"])}
}

else := {[2, 0, 0, 0, 0, 0, "deny", {"code": "scope_missing"}]}

escaped(name) := replace(name, ":", "%3A")

# Each policy's purpose, explicit denies, parameters, approval and destination.
rules(name, extent, phase, actor) := union({union({
	purpose(at, phase, actor),
	denies(at, phase, actor),
	checked(at, extent, phase, actor),
	egress(at, phase, actor),
}) |
	some at in considered(name, extent)
})

purpose(at, phase, actor) := {[phase, actor, at, 0, 0, 0, "deny", ruled("purpose_not_allowed", data.aegis.policies[at].purposes)] |
	data.aegis.policies[at].purposes
	not object.get(object.get(input, "context", {}), "purpose", null) in data.aegis.policies[at].purposes.allowed
}

denies(at, phase, actor) := {[phase, actor, at, 1, i, j, "deny", ruled("explicitly_denied", rule)] |
	some i, tool in data.aegis.policies[at].tools
	tool.name == input.tool
	some j, rule in tool.deny
	named(rule.action, input.action)
}

checked(at, extent, phase, actor) := parameters | (unknown | approvals) if {
	active := [rule | some rule in rules_of(at); counts(rule, extent)]
	parameters := {[phase, actor, at, 2, i, fault[0], fault[1], reason] |
		some rule in active
		some i, parameter in rule.parameters
		some fault in faults(rule, parameter)
		reason := {"code": fault[2], "pointer": pointer(parameter.name), "rule": parameter.rule}
	}
	unknown := {[phase, actor, at, 3, name, 0, "deny", {"code": "parameter_unknown", "pointer": pointer(name), "rule": rule.rule}] |
		some rule in active
		rule.additional == "deny"
		some name in object.keys(arguments)
		not name in {parameter.name | some parameter in rule.parameters}
	}
	approvals := {[phase, actor, at, 4, 0, 0, "ask", {"code": "approval_required", "rule": rule.approval.rule}] |
		some rule in active
		rule.approvalAlways
	}
}

counts(_, "all")

counts(rule, "enforced") if rule.mode == "enforce"

pointer(name) := concat("", ["/", replace(replace(name, "~", "~0"), "/", "~1")])

faults(_, parameter) := {[0, "deny", "parameter_missing"] | not parameter.optional} if not parameter.name in object.keys(arguments)

faults(_, parameter) := {[0, "deny", "parameter_type"]} if {
	parameter.name in object.keys(arguments)
	not of_type(parameter, arguments[parameter.name])
}

faults(rule, parameter) := {[bound, effect(rule, parameter), code] |
	some bound, code in bound_codes
	broken(bound, parameter, arguments[parameter.name])
} if {
	parameter.name in object.keys(arguments)
	of_type(parameter, arguments[parameter.name])
}

effect(rule, parameter) := "ask" if rule.approvalAlways

else := "ask" if parameter.beyond == "approval_needed"

else := "deny"

of_type(parameter, _) if not parameter.type

of_type(parameter, value) if {
	parameter.type in {"string", "number", "boolean", "array", "object"}
	type_name(value) == parameter.type
}

of_type(parameter, value) if {
	parameter.type == "integer"
	is_number(value)
	value == floor(value)
}

# Every double this large is whole, and more than OPA's floor keeps.
of_type(parameter, value) if {
	parameter.type == "integer"
	is_number(value)
	abs(value) >= 9007199254740992
}

bound_codes := [
	"parameter_out_of_range", "parameter_out_of_range", "parameter_out_of_range", "parameter_out_of_range",
	"parameter_not_in_set", "parameter_out_of_range", "parameter_out_of_range", "parameter_pattern",
]

broken(0, parameter, value) if value < parameter.min

broken(1, parameter, value) if value <= parameter.exclusiveMin

broken(2, parameter, value) if value > parameter.max

broken(3, parameter, value) if value >= parameter.exclusiveMax

broken(4, parameter, value) if {
	parameter.enum
	not value in parameter.enum
}

broken(5, parameter, value) if count(value) < parameter.minLength

broken(6, parameter, value) if count(value) > parameter.maxLength

broken(7, parameter, value) if not regex.match(parameter.matches, value)

# Egress: a URL with one reading only, on the list.
egress(at, phase, actor) := {[phase, actor, at, 5, 0, 0, "deny", ruled("egress_blocked", data.aegis.policies[at].egress)] |
	data.aegis.policies[at].egress
	input.destination
	not reachable(data.aegis.policies[at].egress.allow)
}

url_parts := regex.find_all_string_submatch_n("(?i)^(https?|wss?)://([a-z0-9._-]+|\\[[0-9a-f:.]+\\])(?::([1-9][0-9]{0,4}))?(/[!\"$->@-\\[\\]-~]*)?(?:\\?[!-\\[\\]-~]*)?(?:#[!-\\[\\]-~]*)?$", input.destination.url, 1)[0]

host := lower(url_parts[2]) if url_parts[3] in {"", default_ports[lower(url_parts[1])]}

else := concat(":", [lower(url_parts[2]), url_parts[3]])

default_ports := {"http": "80", "ws": "80", "https": "443", "wss": "443"}

path := "/" if url_parts[4] == ""

else := url_parts[4]

reachable(allow) if {
	some entry in allow
	on_host(entry.host)
	on_path(entry)
	by_method(entry)
}

on_host(name) if name == host

on_host(name) if {
	startswith(name, "*.")
	suffix := substring(name, 1, -1)
	endswith(host, suffix)
	labels := trim_suffix(host, suffix)
	regex.match("^[a-z0-9_-]+(?:\\.[a-z0-9_-]+)*$", labels)
	not regex.match("(?:^|\\.)xn--", labels)
}

on_path(entry) if not entry.path

on_path(entry) if {
	regex.match(entry.path, path)
	not regex.match("(?i)%(?:2[ef5]|5c|[01][0-9a-f]|7f)|/\\.{1,2}(?:/|$)|//|;", path)
}

by_method(entry) if not entry.methods

by_method(entry) if upper(input.destination.method) in entry.methods

# authority: intersect. Each earlier actor must be allowed the same call by its own policies.
chained(extent) := union({of_actor(k, actor, extent) |
	some k, actor in chain
	k > 0
	count([1 | some j, other in chain; j > 0; j < k; other == actor]) == 0
	count(intersecting(extent)) > 0
})

intersecting(extent) := [data.aegis.policies[at].delegation |
	some at in considered(agent, extent)
	data.aegis.policies[at].delegation.authority == "intersect"
]

of_actor(k, actor, extent) := {[4, k, 0, 0, 0, 0, "deny", ruled("policy_missing", intersecting(extent)[0])]} if count(about(actor)) == 0

else := mention(actor, extent, 4, k) | rules(actor, extent, 4, k) if count(considered(actor, extent)) > 0

else := set()

# DLP: the strongest action on each finding, one reason for each place and detector.
strength := {"mask": 1, "hash": 2, "redact": 3, "deny": 4}

findings := object.get(input, "findings", [])

applied(extent) := [[at, strongest] |
	some at, finding in findings
	fitting := [rule |
		some p in considered(agent, extent)
		some rule in data.aegis.policies[p].dlp
		finding.detector in rule.detect
		covers(rule, finding.pointer)
	]
	count(fitting) > 0
	most := max([strength[rule.action] | some rule in fitting])
	strongest := [rule | some rule in fitting; strength[rule.action] == most][0]
]

covers(rule, _) if not rule["in"]

covers(rule, place) if {
	some pattern in rule["in"]
	wanted := split(trim_prefix(pattern, "/"), "/")
	given := split(trim_prefix(place, "/"), "/")
	count(wanted) <= count(given)
	every k, segment in wanted {
		segment in {"*", given[k]}
	}
}

redactions(extent) := [object.union(findings[at], {"action": rule.action}) |
	some [at, rule] in applied(extent)
	rule.action != "deny"
]

sensitive(extent) := {[5, 0, 0, 0, at, 0, pii_effect(rule), reason] |
	some [at, rule] in applied(extent)
	count([1 |
		some [earlier, other] in applied(extent)
		earlier < at
		findings[earlier].detector == findings[at].detector
		findings[earlier].pointer == findings[at].pointer
		pii_effect(other) == pii_effect(rule)
	]) == 0
	reason := {"code": "pii_found", "pointer": findings[at].pointer, "rule": rule.rule}
}

pii_effect(rule) := "deny" if rule.action == "deny"

else := "note"

# Under a quota per prompt, a call of no prompt cannot be counted.
prompt(extent) := {[6, 0, 0, 0, 0, 0, "deny", ruled("prompt_missing", quotas(extent)[0])] |
	count(quotas(extent)) > 0
	object.get(object.get(input, "context", {}), "promptId", "") == ""
}

quotas(extent) := array.concat(
	[limit | some limit in data.aegis.governance.limits; limit.window == "prompt"],
	[limit |
		some at in considered(agent, extent)
		some limit in data.aegis.policies[at].limits
		limit.window == "prompt"
		bounds_agent(limit.scope)
	],
)

bounds_agent(account) if not contains(account, "agent/")

bounds_agent(account) if named(split(account, "agent/")[1], agent)
`;
