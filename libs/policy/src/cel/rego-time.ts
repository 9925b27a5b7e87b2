import { clockRange, timestampPattern } from "./time.ts";

/** Timestamps and durations are milliseconds, whole and exact. */
export const timeRego: string = `cel_timestamp(at, a, least, most) := a if a.e

else := {"v": value} if {
	is_string(a.v)
	[_, years, months, days, hours, minutes, seconds, fraction, sign, ahead_hours, ahead_minutes] := regex.find_all_string_submatch_n(${JSON.stringify(timestampPattern)}, a.v, 1)[0]
	year := to_number(concat("", ["1", years])) - 10000
	month := cel_two(months)
	day := cel_two(days)
	month in numbers.range(1, 12)
	day in numbers.range(1, cel_month_days(year, month))
	cel_two(hours) <= 23
	cel_two(minutes) <= 59
	cel_two(seconds) <= 59
	cel_two(ahead_hours) <= 23
	cel_two(ahead_minutes) <= 59
	thousandths := to_number(concat("", ["1", substring(concat("", [fraction, "000"]), 0, 3)])) - 1000
	time_of_day := (((((cel_two(hours) * 60) + cel_two(minutes)) * 60) + cel_two(seconds)) * 1000) + thousandths
	value := ((cel_days(year, month, day) * 86400000) + time_of_day) - (cel_ahead(sign) * (((cel_two(ahead_hours) * 60) + cel_two(ahead_minutes)) * 60000))
	value >= least
	value <= most
}

else := {"e": at}

cel_two(digits) := 0 if digits == ""

else := to_number(concat("", ["1", digits])) - 100

cel_ahead(sign) := -1 if sign == "-"

else := 1

cel_month_days(year, 2) := 29 if cel_leap(year)

else := 28

cel_month_days(_, month) := 30 if month in {4, 6, 9, 11}

cel_month_days(_, month) := 31 if month in {1, 3, 5, 7, 8, 10, 12}

cel_leap(year) if {
	year % 4 == 0
	year % 100 != 0
}

cel_leap(year) if year % 400 == 0

# Days since 1970, counting years from March.
cel_days(year, month, day) := ((era * 146097) + days) - 719468 if {
	y := year - cel_early(month)
	era := floor(y / 400)
	of_era := y - (era * 400)
	of_year := (floor(((153 * (month - 3 + (12 * cel_early(month)))) + 2) / 5) + day) - 1
	days := ((((of_era * 365) + floor(of_era / 4)) - floor(of_era / 100)) + of_year)
}

cel_early(month) := 1 if month <= 2

else := 0

cel_shift(at, operator, a, b, least, most) := a if a.e

else := b if b.e

else := {"v": told} if {
	told := cel_shifted(operator, a.v, b.v)
	told >= least
	told <= most
}

else := {"e": at}

cel_shifted("+", a, b) := a + b

cel_shifted("-", a, b) := a - b

cel_clock(at, part, a, ahead, zone) := a if a.e

else := {"v": told} if {
	a.v >= ${clockRange.least}
	a.v <= ${clockRange.most}
	told := cel_part(part, [(a.v + ahead) * 1000000, zone])
}

else := {"e": at}

cel_part("getFullYear", at) := time.date(at)[0]

cel_part("getMonth", at) := time.date(at)[1] - 1

cel_part("getDate", at) := time.date(at)[2]

cel_part("getDayOfMonth", at) := time.date(at)[2] - 1

cel_part("getDayOfWeek", at) := {"Sunday": 0, "Monday": 1, "Tuesday": 2, "Wednesday": 3, "Thursday": 4, "Friday": 5, "Saturday": 6}[time.weekday(at)]

cel_part("getHours", at) := time.clock(at)[0]

cel_part("getMinutes", at) := time.clock(at)[1]

cel_part("getSeconds", at) := time.clock(at)[2]

cel_part("getMilliseconds", at) := (at[0] / 1000000) % 1000
`;
