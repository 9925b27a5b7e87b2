/**
 * Arithmetic on doubles, as IEEE 754 rounds it. OPA computes with 64 significant bits and reads numbers as decimals, so a sum of 0.1 and 0.2
 * is another one there. Here the operands are taken exactly, and a result is rounded once more, to a double: `sprintf` does that. Only where its
 * 64 bits stand half-way between two doubles, what they could not hold decides, and is computed exactly. It needs `spellingRego` beside it.
 */
export const numbersRego: string = `# Whole numbers that need no rounding.
cel_small(a) if {
	abs(a) <= 9007199254740992
	a == floor(a)
}

# The number as text that is read as a decimal, not as an integer.
cel_decimal(a) := text if {
	text := sprintf("%v", [a])
	regex.match("[.e]", text)
}

else := concat("", [sprintf("%v", [a]), "e0"])

# The nearest double, except that a number half-way between two may become either.
cel_near(a) := to_number(unpointed(sprintf("%v", [to_number(cel_decimal(a))])))

# The double itself with so many digits that 64 bits hold it exactly. Compare such numbers by their difference only.
cel_exact(a) := to_number(unpointed(sprintf("%.25e", [to_number(cel_decimal(a))])))

# What was computed, of its text, as it may be handed to a function.
cel_kept(text) := to_number(unpointed(text))

# The double nearest to the result of an operation, of which s is what 64 bits hold.
cel_rounded(at, operation, s) := {"e": at} if cel_beyond(operation, s)

else := {"v": s} if cel_small(s)

else := {"v": cel_chosen(operation, s, near, past, cel_kept(json.marshal(s + (past * 1.5))))} if {
	near := cel_near(s)
	past := cel_kept(json.marshal(s - cel_exact(near)))
}

else := {"e": at}

# From half-way between the greatest double and what would be the next.
cel_beyond(_, s) if abs(s) - 1.797693134862315807937289714053e308 > 0

cel_beyond(operation, s) if {
	abs(s) - 1.797693134862315807937289714053e308 == 0
	s * cel_rest(operation, s) >= 0
}

# Where s is half-way between two doubles, what it left out tells which of them is nearer; the even one is taken when it left out nothing.
# The other one is what is nearest to a point beyond s.
cel_chosen(operation, s, near, past, beyond) := near if not cel_half_way(s, past, beyond)

else := cel_nearer(cel_rest(operation, s), near, past, beyond)

cel_nearer(rest, near, past, beyond) := near if past * rest < 0

else := near if {
	rest == 0
	round(cel_exact(near) / (past * 2)) % 2 == 0
}

else := cel_near(beyond)

# As far to the other double as past the near one: of distances, since OPA may write a double that is a power of two as its lower neighbour.
cel_half_way(s, past, beyond) if {
	past != 0
	(cel_exact(cel_near(beyond)) - s) - past == 0
}

# What the result is beyond s: its sign counts. OPA writes some powers of two as their lower neighbour in 64 bits, so a difference far
# below the last digit of a double is none.
cel_rest(["_+_", x, y], s) := cel_sum_rest(x, y, s) if abs(x) - abs(y) >= 0

else := cel_sum_rest(y, x, s)

cel_sum_rest(great, small, s) := rest if {
	rest := cel_kept(json.marshal(small - (s - great)))
	abs(rest) - (abs(small) * 1e-18) >= 0
}

else := 0

cel_rest(["_*_", x, y], s) := cel_sign(s) * cel_against(x, y, s)

cel_rest(["_/_", x, y], s) := (0 - cel_sign(s)) * cel_against(s, y, x)

cel_sign(x) := -1 if x < 0

else := 1

# 1, 0 or -1: whether |x * y| is above, at or below |s|, in whole numbers of which every bit is kept.
cel_against(x, y, s) := cel_compared([high, low], [bits.rsh(whole, 60), bits.and(whole, 1152921504606846975)]) if {
	[mx, kx] := cel_scaled(x)
	[my, ky] := cel_scaled(y)
	[ms, ks] := cel_scaled(s)
	whole := bits.lsh(ms, (kx + ky) - ks)
	[xh, xl] := cel_halves(mx)
	[yh, yl] := cel_halves(my)
	middle := (xh * yl) + (xl * yh)
	lower := (xl * yl) + ((middle % 1073741824) * 1073741824)
	high := ((xh * yh) + bits.rsh(middle, 30)) + bits.rsh(lower, 60)
	low := bits.and(lower, 1152921504606846975)
}

cel_compared(a, b) := 0 if a == b

else := 1 if a > b

else := -1

cel_halves(m) := [bits.rsh(m, 30), m % 1073741824]

# |x| as [m, k]: |x| * 2^k is the whole number m, from 2^53 to 2^59.
cel_scaled(x) := [m, k] if {
	tens := to_number(trim_prefix(split(sprintf("%.0e", [to_number(cel_decimal(x))]), "e")[1], "+"))
	k := 54 - floor(tens * 3.321928094887362)
	m := abs(cel_times(x, k))
}

cel_times(x, k) := x * bits.lsh(1, k) if k >= 0

else := x / bits.lsh(1, 0 - k)

cel_number(at, operator, a, b) := a if a.e

else := b if b.e

else := told if {
	is_number(a.v)
	is_number(b.v)
	told := cel_computed(operator, at, a.v, b.v)
}

else := {"e": at}

cel_computed("_+_", at, a, b) := cel_sum(at, a, b)

cel_computed("_-_", at, a, b) := cel_sum(at, a, cel_kept(json.marshal(0 - b)))

cel_computed("_*_", at, a, b) := cel_product(at, a, b)

cel_computed("_/_", at, a, b) := cel_quotient(at, a, b)

cel_computed("_%_", at, a, b) := cel_remainder(at, a, b)

cel_minus(at, a) := a if a.e

else := {"v": cel_kept(json.marshal(0 - a.v))} if is_number(a.v)

else := {"e": at}

cel_sum(at, a, b) := {"v": a + b} if {
	cel_small(a)
	cel_small(b)
	abs(a + b) <= 9007199254740992
}

else := cel_rounded(at, ["_+_", x, y], cel_kept(json.marshal(x + y))) if {
	x := cel_exact(a)
	y := cel_exact(b)
}

cel_product(at, a, b) := {"v": a * b} if {
	cel_small(a)
	cel_small(b)
	abs(a * b) <= 9007199254740992
}

else := cel_rounded(at, ["_*_", x, y], cel_kept(json.marshal(x * y))) if {
	x := cel_exact(a)
	y := cel_exact(b)
}

cel_quotient(at, a, b) := {"e": at} if b == 0

else := {"v": a / b} if {
	cel_small(a)
	cel_small(b)
	a % b == 0
}

else := cel_rounded(at, ["_/_", x, y], cel_kept(json.marshal(x / y))) if {
	x := cel_exact(a)
	y := cel_exact(b)
}

cel_remainder(at, a, b) := {"e": at} if b == 0

# OPA takes a divisor of many bits for zero.
else := {"v": a % b} if {
	cel_small(a)
	cel_small(b)
}

else := {"e": at}
`;
