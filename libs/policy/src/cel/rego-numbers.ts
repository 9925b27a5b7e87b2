/**
 * Arithmetic on doubles, as IEEE 754 rounds it. OPA computes with 64 significant bits and reads numbers as decimals, so a sum of 0.1 and 0.2
 * is another one there. Here the operands are taken exactly, what the 64 bits cannot hold of a result is computed beside it (the error-free
 * transformations of Knuth and Dekker), and both together are rounded once. `sprintf` is what rounds a decimal to the nearest double.
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
cel_near(a) := to_number(sprintf("%v", [to_number(cel_decimal(a))]))

# The double itself with so many digits that 64 bits hold it exactly. Compare such numbers by their difference only.
cel_exact(a) := to_number(sprintf("%.25e", [to_number(cel_decimal(a))]))

# The double nearest to s + e, of which e is what the 64 bits of s cannot hold: less than half of their last.
cel_rounded(at, s, e) := {"e": at} if cel_beyond(s, e)

else := {"v": s} if cel_small(s)

else := {"v": cel_chosen(near, past, other, e)} if {
	near := cel_near(s)
	past := s - cel_exact(near)
	other := s + past
}

else := {"e": at}

# From half-way between the greatest double and what would be the next.
cel_beyond(s, _) if abs(s) - 1.797693134862315807937289714053e308 > 0

cel_beyond(s, e) if {
	abs(s) - 1.797693134862315807937289714053e308 == 0
	s * e >= 0
}

# Where s is half-way between two doubles, e tells which of them is nearer, and the even one is taken when nothing does.
cel_chosen(near, past, other, e) := near if not cel_half_way(past, other)

else := near if past * e < 0

else := cel_near(other) if past * e > 0

else := near if (cel_exact(near) / (past * 2)) % 2 == 0

else := cel_near(other)

cel_half_way(past, other) if {
	past != 0
	cel_exact(cel_near(other)) - other == 0
}

cel_number(at, operator, a, b) := a if a.e

else := b if b.e

else := told if {
	is_number(a.v)
	is_number(b.v)
	told := cel_computed(operator, at, a.v, b.v)
}

else := {"e": at}

cel_computed("_+_", at, a, b) := cel_sum(at, a, b)

cel_computed("_-_", at, a, b) := cel_sum(at, a, 0 - b)

cel_computed("_*_", at, a, b) := cel_product(at, a, b)

cel_computed("_/_", at, a, b) := cel_quotient(at, a, b)

cel_computed("_%_", at, a, b) := cel_remainder(at, a, b)

cel_minus(at, a) := a if a.e

else := {"v": 0 - a.v} if is_number(a.v)

else := {"e": at}

cel_sum(at, a, b) := {"v": a + b} if {
	cel_small(a)
	cel_small(b)
	abs(a + b) <= 9007199254740992
}

else := cel_rounded(at, s, e) if {
	x := cel_exact(a)
	y := cel_exact(b)
	s := x + y
	z := s - x
	e := (x - (s - z)) + (y - z)
}

cel_product(at, a, b) := {"v": a * b} if {
	cel_small(a)
	cel_small(b)
	abs(a * b) <= 9007199254740992
}

else := cel_rounded(at, s, cel_error(x, y, s)) if {
	x := cel_exact(a)
	y := cel_exact(b)
	s := x * y
}

# x * y - s, exactly: each factor in two halves.
cel_error(x, y, s) := (((xh * yh) - s) + (xh * yl)) + (xl * yh) + (xl * yl) if {
	xh := cel_upper(x)
	xl := x - xh
	yh := cel_upper(y)
	yl := y - yh
}

# The upper 26 bits.
cel_upper(x) := c - (c - x) if c := 274877906945 * x

cel_quotient(at, a, b) := {"e": at} if b == 0

else := {"v": a / b} if {
	cel_small(a)
	cel_small(b)
	a % b == 0
}

else := cel_rounded(at, s, e) if {
	x := cel_exact(a)
	y := cel_exact(b)
	s := x / y
	p := s * y
	e := ((x - p) - cel_error(s, y, p)) * y
}

cel_remainder(at, a, b) := {"e": at} if b == 0

# OPA takes a divisor of many bits for zero.
else := {"v": a % b} if {
	cel_small(a)
	cel_small(b)
}

else := {"e": at}
`;
