/** What becomes of the detectors' findings, and of calls that a quota per prompt cannot count: the last stages of a decision. */
export const dataRego = `# DLP: the strongest action on each finding, one reason for each place and detector.
strength := {"mask": 1, "hash": 2, "redact": 3, "deny": 4}

findings := object.get(call, "findings", [])

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

sensitive(extent) := {[6, 0, 0, 0, at, 0, pii_effect(rule), reason] |
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
prompt(extent) := {[8, 0, 0, 0, 0, 0, "deny", ruled("prompt_missing", quotas(extent)[0])] |
	count(quotas(extent)) > 0
	object.get(object.get(call, "context", {}), "promptId", "") == ""
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
