import { maxJoined } from "./operations.ts";
import { numbersRego } from "./rego-numbers.ts";
import { timeRego } from "./rego-time.ts";

const values = `# CEL. An outcome is {"v": value} or {"e": offset in the expression}: an error is a value, so that && and || can make nothing of it.
cel_boolean(at, a) := a if a.e

else := a if is_boolean(a.v)

else := {"e": at}

cel_cost(at, a) := a if a.e

else := a if {
	is_number(a.v)
	a.v >= 0
}

else := {"e": at}

cel_select(at, a, field) := a if a.e

else := {"v": value} if {
	is_object(a.v)
	value := a.v[field]
}

else := {"e": at}

cel_has(at, a, field) := a if a.e

else := {"v": true} if {
	is_object(a.v)
	field in object.keys(a.v)
}

else := {"v": false} if is_object(a.v)

else := {"e": at}

cel_index(at, a, key) := a if a.e

else := key if key.e

else := {"v": value} if {
	is_array(a.v)
	is_number(key.v)
	value := a.v[key.v]
}

else := {"v": value} if {
	is_object(a.v)
	is_string(key.v)
	value := a.v[key.v]
}

else := {"e": at}

cel_list(outcomes) := failure if failure := [outcome | some outcome in outcomes; outcome.e][0]

else := {"v": [outcome.v | some outcome in outcomes]}

cel_not(at, a) := a if a.e

else := {"v": false} if a == {"v": true}

else := {"v": true} if a == {"v": false}

else := {"e": at}

cel_and(a, b) := {"v": false} if a == {"v": false}

else := {"v": false} if b == {"v": false}

else := a if a.e

else := b

cel_or(a, b) := {"v": true} if a == {"v": true}

else := {"v": true} if b == {"v": true}

else := a if a.e

else := b

cel_if(which, _, _) := which if which.e

cel_if(which, a, _) := a if which == {"v": true}

cel_if(which, _, b) := b if which == {"v": false}

cel_items(a) := [{"v": item} | some item in a.v] if is_array(a.v)

else := [{"v": name} | some name, _ in a.v] if is_object(a.v)

else := []

# Settled by one outcome, whatever fails beside it; else a failure is the whole's, the first in the text.
cel_loop(at, over, tests, settling) := over if over.e

else := {"e": at} if {
	not is_array(over.v)
	not is_object(over.v)
}

else := settling if settling in tests

else := {"e": min(failures)} if {
	failures := [test.e | some test in tests; test.e]
	count(failures) > 0
}

else := {"v": opposite} if opposite := settling.v == false

cel_alike(a, b) if type_name(a) == type_name(b)

cel_alike(a, b) if null in [a, b]

cel_equal(at, a, b, wanted) := a if a.e

else := b if b.e

else := {"v": wanted} if {
	cel_alike(a.v, b.v)
	a.v == b.v
}

else := {"v": told} if {
	cel_alike(a.v, b.v)
	told := wanted == false
}

else := {"e": at}

cel_order(at, operator, a, b) := a if a.e

else := b if b.e

else := {"v": told} if {
	type_name(a.v) in {"number", "string"}
	type_name(a.v) == type_name(b.v)
	told := cel_ordered(operator, a.v, b.v)
}

else := {"e": at}

cel_ordered("_<_", a, b) := a < b

cel_ordered("_<=_", a, b) := a <= b

cel_ordered("_>_", a, b) := a > b

cel_ordered("_>=_", a, b) := a >= b

cel_in(at, a, of) := a if a.e

else := of if of.e

else := {"v": true} if {
	is_array(of.v)
	a.v in of.v
}

else := {"v": false} if {
	is_array(of.v)
	every item in of.v { cel_alike(item, a.v) }
}

else := {"v": told} if {
	is_object(of.v)
	is_string(a.v)
	told := a.v in object.keys(of.v)
}

else := {"e": at}

cel_size(at, a) := a if a.e

else := {"v": count(a.v)} if type_name(a.v) in {"string", "array", "object"}

else := {"e": at}

cel_text(at, operator, a, b) := a if a.e

else := b if b.e

else := {"v": told} if {
	is_string(a.v)
	is_string(b.v)
	told := cel_of_text(operator, a.v, b.v)
}

else := {"e": at}

cel_of_text("startsWith", a, b) := startswith(a, b)

cel_of_text("endsWith", a, b) := endswith(a, b)

cel_of_text("contains", a, b) := contains(a, b)

cel_matches(at, a, pattern) := a if a.e

else := {"v": told} if {
	is_string(a.v)
	told := regex.match(pattern, a.v)
}

else := {"e": at}

cel_plus(at, a, b) := a if a.e

else := b if b.e

else := {"v": concat("", [a.v, b.v])} if {
	is_string(a.v)
	is_string(b.v)
	count(a.v) + count(b.v) <= MAX_JOINED
}

else := cel_number(at, "_+_", a, b)
`;

/**
 * What the Rego of expressions calls. Every function is total: it answers with an outcome, `{"v": value}` or `{"e": offset}`, never with
 * nothing. It is part of the bundle's Rego once, whatever the number of expressions, and needs `spellingRego` beside it.
 */
export const celRego: string = `${values.replace("MAX_JOINED", String(maxJoined))}\n${numbersRego}\n${timeRego}`;
