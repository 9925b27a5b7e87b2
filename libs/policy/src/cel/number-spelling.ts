/**
 * How numbers have to be spelled where OPA compares them. It takes two numbers for one when their texts are alike but for zeros and points
 * at the end of a text that has a point (v1/ast/compare.go, up to 1.16): `100.00` and `1`, `1.5e+30` and `1.5e+300`. It also looks up what a
 * function answered before by such a comparison of the arguments. A number whose text has no point beside an exponent, and no zero at the
 * end of a fraction, is compared as the decimal it is.
 */
export const spellingRego: string = `# OPA takes 1.5e+30 and 1.5e+300 for one number, also where it looks up what a function answered before: no point beside an exponent.
unpointed(text) := sprintf("%s%se%d", [whole, fraction, power - count(fraction)]) if {
	[mantissa, exponent] := split(text, "e")
	[whole, fraction] := split(mantissa, ".")
	power := to_number(trim_prefix(exponent, "+"))
}

else := text
`;

/** A double's shortest text without a point beside an exponent: `15e+29`. */
export function spell(value: number): string {
  const [, sign, whole, fraction, exponent] = /^(-?)(\d)\.(\d+)e([-+]\d+)$/.exec(JSON.stringify(value)) ?? [];
  return fraction === undefined ? JSON.stringify(value) : `${sign}${whole}${fraction}e${Number(exponent) - fraction.length}`;
}
