/** The part of `aegis/decision.rego` that reads one policy: purpose, explicit denies, parameters, destination and session. */
export const rulesRego: string = String.raw`# Each policy's purpose, explicit denies, parameters, destination and session.
rules(name, extent, phase, actor) := union({union({
	purpose(at, phase, actor),
	denies(at, phase, actor),
	checked(at, extent, phase, actor),
	egress(at, phase, actor),
	flows(at, phase, actor),
}) |
	some at in considered(name, extent)
})

purpose(at, phase, actor) := {[phase, actor, at, 0, 0, 0, "deny", ruled("purpose_not_allowed", data.aegis.policies[at].purposes)] |
	data.aegis.policies[at].purposes
	not object.get(object.get(call, "context", {}), "purpose", null) in data.aegis.policies[at].purposes.allowed
}

denies(at, phase, actor) := {[phase, actor, at, 1, i, j, "deny", ruled("explicitly_denied", rule)] |
	some i, tool in data.aegis.policies[at].tools
	tool.name == call.tool
	some j, rule in tool.deny
	named(rule.action, call.action)
}

checked(at, extent, phase, actor) := union({parameters, unknown, conditions}) if {
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
	conditions := {[phase, actor, at, 4, 0, 0, condition_effect(rule), {"code": "condition_false", "rule": rule.when.rule}] |
		some rule in active
		rule.when
		not truth_of(rule) == true
	}
}

# Only what is plainly false may be lifted, and only where the action names a way.
condition_effect(rule) := "ask" if {
	rule.approval
	truth_of(rule) == false
}

else := "deny"

truth_of(rule) := object.get(outcome_of(rule.when.expression.text, environment), "v", null)

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

# What was seen in the session forbids the call. Without facts, nothing was seen.
flows(at, phase, actor) := {[phase, actor, at, 6, i, 0, lifted(rule), {"code": "session_flow", "rule": rule.rule}] |
	some i, rule in data.aegis.policies[at].session
	seen(rule.after)
	some pattern in rule.deny
	call_named(pattern, concat(":", [escaped(call.tool), escaped(call.action)]))
}

lifted(rule) := "ask" if rule.unless == "approval"

else := "deny"

seen(after) if {
	not contains(after, ":")
	some label in call.session.labels
	named(after, label)
}

seen(after) if {
	contains(after, ":")
	some earlier in call.session.calls
	call_named(after, earlier)
}

call_named(pattern, name) if {
	[tool_pattern, action_pattern] := sides(pattern)
	[tool, action] := sides(name)
	named(tool_pattern, tool)
	named(action_pattern, action)
}

sides(name) := [name, "*"] if not contains(name, ":")

sides(name) := [substring(name, 0, at), replace(substring(name, at + 1, -1), "%3A", ":")] if {
	at := indexof(name, ":")
	at >= 0
}

# Egress: a URL with one reading only, on the list.
egress(at, phase, actor) := {[phase, actor, at, 5, 0, 0, "deny", ruled("egress_blocked", data.aegis.policies[at].egress)] |
	data.aegis.policies[at].egress
	call.destination
	not reachable(data.aegis.policies[at].egress.allow)
}

# Case folding must not let in letters outside ASCII: a Kelvin sign folds to k.
url_parts := regex.find_all_string_submatch_n("(?i)^(https?|wss?)://([a-z0-9._-]+|\\[[0-9a-f:.]+\\])(?::([1-9][0-9]{0,4}))?(/[!\"$->@-\\[\\]-~]*)?(?:\\?[!-\\[\\]-~]*)?(?:#[!-\\[\\]-~]*)?$", call.destination.url, 1)[0] if {
	regex.match("^[\\x00-\\x7f]*$", call.destination.url)
}

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
	not regex.match("(?i)%(?:2[ef5]|5c|[01][0-9a-f]|7f|c[01]|e0%[89]|f0%8)|/\\.{1,2}(?:/|$)|//|;", path)
}

by_method(entry) if not entry.methods

by_method(entry) if method in entry.methods

method := upper(call.destination.method) if regex.match("^[A-Za-z]{1,20}$", call.destination.method)

# What conditions know of the destination: host and path only where the URL has one reading.
place := {"host": host, "path": path} if {
	not startswith(host, "[")
	not regex.match("(?:^|\\.)xn--", host)
	plain_name(lower(url_parts[2]))
	to_number(concat("", ["0", url_parts[3]])) <= 65535
}

plain_name(name) if not regex.match("(?:^|\\.)(?:[0-9]+|0x[0-9a-f]*)\\.?$", name)

plain_name(name) if regex.match("^(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\\.){3}(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])$", name)

environment := {
	"args": arguments,
	"dest": object.union_n([{key: value | key := "url"; value := call.destination.url}, {key: value | key := "method"; value := method}, readable_place]),
	"agent": {"name": agent, "tenant": call.principal.tenant, "subject": call.principal.subject, "depth": depth, "chain": chain},
	"context": {name: value |
		some name, from in {"purpose": "purpose", "prompt_id": "promptId", "session_id": "sessionId"}
		value := call.context[from]
	},
	"session": object.union({"labels": [], "calls": []}, object.get(call, "session", {})),
	"now": call.now,
}

default readable_place := {}

readable_place := place
`;
