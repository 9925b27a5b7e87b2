import { spellingRego } from "../cel/number-spelling.ts";

/**
 * The call that every other rule reads, at `call`: `input`, with each number as OPA can compare it. Numbers are doubles, whatever the sender
 * spells them like; a number that authz would not read (`parseIJson`: no double stands for it) leaves no call.
 */
export const callRego: string = `# The call: input, in which each number is spelled as the double that it stands for. Only a number that may be spelled otherwise is looked at.
call := input if count(unusual) == 0

else := json.unmarshal(concat("", [respelled(token) | some token in regex.find_n(tokens, json.marshal(input), -1)]))

tokens := \`"(?:[^"\\\\]|\\\\.)*"|-?[0-9][-+.0-9eE]*|[^-"0-9]+\`

unusual contains text if {
	walk(input, [_, value])
	is_number(value)
	text := json.marshal(value)
	not regex.match(\`^(?:0|-?[1-9][0-9]{0,14}|-?(?:0|[1-9][0-9]{0,6})\\.[0-9]{0,6}[1-9])$\`, text)
}

respelled(token) := token if not token in unusual

else := known if known := double(token)

# Which is no JSON: then there is no call.
else := "unreadable"

double(text) := "0" if not regex.match("^[^eE]*[1-9]", text)

else := unpointed(shortest) if {
	regex.match("[.eE]", text)
	shortest := sprintf("%v", [to_number(text)])
	not shortest in {"0", "-0"}
}

# An integer beyond 2^53 is the double's exact value, or its shortest spelling.
else := unpointed(shortest) if {
	not regex.match("[.eE]", text)
	number := to_number(concat("", [text, "e0"]))
	shortest := sprintf("%v", [number])
	text in {sprintf("%.0f", [number])} | {plain | plain := json.marshal(to_number(shortest) + 0); count(trim_prefix(plain, "-")) <= 21}
}

${spellingRego}`;
