import { clockParts, type Want } from "../../src/cel/expression.ts";
import { parseExpression } from "../../src/cel/parse.ts";
import type { Random } from "./random.ts";
import { policyNumbers, texts } from "./values.ts";

/** A CEL condition over a call, with a bias towards the arguments that the rule itself names. */
export function condition(random: Random, parameters: readonly string[]): string {
  return readable("condition", () => truth(random, { parameters, elements: [] }, random.integer(0, 3)));
}

/** A condition about time: each of its operations in turn, since chance alone makes some of them too seldom for a short run. */
export function conditionOnTime(random: Random, parameters: readonly string[], turn: number): string {
  const scope = { parameters, elements: [] };
  const kind = turn % (clockParts.length + timeSums.length);
  const part = clockParts[kind];
  return readable("condition", () => (part ? clock(random, scope, part) : random.pick(timeSums[kind - clockParts.length]!)));
}

/** A CEL price over a call. */
export function cost(random: Random, parameters: readonly string[]): string {
  return readable("cost", () => `${number(random, { parameters, elements: [] }, 1)} * 0.029 + 0.30`);
}

/** The first that the language takes: it refuses what can be seen to make no sense, as a text that is compared with a number. */
function readable(want: Want, make: () => string): string {
  for (;;) {
    const text = make();
    if (parseExpression(text, want).ok) return text;
  }
}

interface Scope {
  readonly parameters: readonly string[];
  /** Names that an enclosing `exists` or `all` gives. */
  readonly elements: readonly string[];
}

function truth(random: Random, scope: Scope, depth: number): string {
  if (depth > 0 && random.chance(0.55)) {
    switch (random.integer(0, 4)) {
      case 4:
        return `${inner(random, scope, depth)} ? ${inner(random, scope, depth)} : ${inner(random, scope, depth)}`;
      case 0:
        return `${inner(random, scope, depth)} && ${inner(random, scope, depth)}`;
      case 1:
        return `${inner(random, scope, depth)} || ${inner(random, scope, depth)}`;
      case 2:
        return `!${inner(random, scope, depth)}`;
      default:
        return quantified(random, scope, depth);
    }
  }
  switch (random.integer(0, 17)) {
    case 0:
    case 1:
      return `${number(random, scope, depth)} ${random.pick(["<", "<=", ">", ">="])} ${number(random, scope, depth)}`;
    case 2:
      return `${argument(random, scope)} ${random.pick(["==", "!="])} ${literal(random)}`;
    case 3:
      return `${string(random, scope)} ${random.pick(["==", "!=", "<", "<=", ">", ">="])} ${string(random, scope)}`;
    case 4:
      return `${argument(random, scope)} in ${listLiteral(random)}`;
    case 5:
      return `${string(random, scope)}.${random.pick(["startsWith", "endsWith", "contains"])}(${quoted(random.pick(texts))})`;
    case 6:
      return `${string(random, scope)}.matches(${quoted(random.pick(["^[a-z]+$", "(?i)k", "\\p{L}", "^.$", "[0-9]+", "a|^$", "😀"]))})`;
    case 7:
      return `has(${random.pick(["args.amount", "args.memo", "dest.host", "dest.method", "context.purpose", "context.session_id", "args.lines"])})`;
    case 8:
      return `${random.pick(["size", ""])}(${argument(random, scope)}) ${random.pick(["==", "<", ">="])} ${random.integer(0, 4)}`;
    case 9:
      return `${quoted(random.pick(["untrusted", "pii", "seen/web"]))} in session.labels`;
    case 10:
      return random.pick([
        'dest.host == "api.stripe.com"',
        'dest.host.endsWith(".internal")',
        'dest.path.startsWith("/patients/")',
        'dest.method in ["GET", "HEAD"]',
        'dest.url.contains("?")',
        "size(dest.path) > 3",
      ]);
    case 11:
      return random.pick([
        "agent.depth < 2",
        "size(agent.chain) == 1",
        'agent.tenant == "acme"',
        'agent.name.endsWith("pay")',
        "agent.subject == agent.name",
        'context.purpose == "ops"',
        'context.prompt_id != ""',
        '"mail:read" in session.calls',
        "size(session.labels) + size(session.calls) > 1",
      ]);
    case 12:
      return random.pick([
        'now < timestamp("2027-01-15T08:00:00Z")',
        'now >= timestamp("2027-01-15T08:00:00.000Z")',
        'now - timestamp("2027-01-01T00:00:00Z") > duration("336h")',
        'now + duration("1.5h") > timestamp("2027-01-15T09:30:00+01:00")',
        'duration("90m") == duration("1h30m")',
        'duration("1s") < duration("1001ms")',
        "timestamp(args.memo) < now",
        `(now - timestamp(${argument(random, scope)})) + duration("1h") > duration("-90m")`,
        `(now - timestamp(args.memo)) - (now - timestamp("2027-01-15T07:00:00Z")) <= duration("0s")`,
        `-(now - timestamp(args.memo)) < duration("36h")`,
        `timestamp(args.memo) - duration("1h") < now`,
        'timestamp("2027-01-15T08:00:00Z") - duration("1h") <= now',
      ]);
    case 13:
      return random.chance(0.5) ? "true" : "false";
    case 14:
    case 15:
      return clock(random, scope, random.pick(clockParts));
    default:
      return argument(random, scope);
  }
}

/** Moments and lengths of time added and taken away, whichever of them comes first. */
const timeSums: readonly (readonly string[])[] = [
  ['(now - timestamp(args.memo)) + duration("1h") > duration("-90m")', 'duration("1h") + (now - timestamp(args.memo)) > duration("36h")'],
  [
    '(now - timestamp(args.memo)) - (now - timestamp("2027-01-15T07:00:00Z")) <= duration("0s")',
    'now - timestamp("2027-01-14T09:00:00Z") - duration("1h") > duration("22h")',
  ],
  ['now + duration("1.5h") > timestamp("2027-01-15T09:30:00+01:00")', 'timestamp(args.memo) + duration("1h") > now'],
  ['timestamp(args.memo) - duration("1h") < now', 'timestamp("2027-01-15T08:00:00Z") - duration("1h") <= now'],
];

function clock(random: Random, scope: Scope, part: (typeof clockParts)[number]): string {
  const moment = random.pick(["now", "now", '(now + duration("36h"))', "timestamp(args.memo)", `timestamp(${argument(random, scope)})`]);
  const zone = random.pick(["", "", '"Europe/Zurich"', '"+05:30"', '"America/New_York"']);
  const value = random.pick([0, 1, 5, 8, 14, 15, 2027]);
  return `${moment}.${part}(${zone}) ${random.pick(["<", ">=", "=="])} ${value}`;
}

const inner = (random: Random, scope: Scope, depth: number): string => `(${truth(random, scope, depth - 1)})`;

function quantified(random: Random, scope: Scope, depth: number): string {
  const element = ["x", "y", "z"][scope.elements.length] ?? "w";
  const over = random.pick([
    argument(random, scope),
    "args.lines",
    "session.labels",
    "agent.chain",
    listLiteral(random),
    `[${argument(random, scope)}, ${literal(random)}]`,
  ]);
  const test = truth(random, { ...scope, elements: [...scope.elements, element] }, depth - 1);
  return `${over}.${random.pick(["exists", "all"])}(${element}, ${test})`;
}

function number(random: Random, scope: Scope, depth: number): string {
  if (depth > 0 && random.chance(0.4)) {
    return `(${number(random, scope, depth - 1)} ${random.pick(["+", "-", "*", "/", "%"])} ${number(random, scope, depth - 1)})`;
  }
  switch (random.integer(0, 6)) {
    case 6:
      return `-${argument(random, scope)}`;
    case 0:
    case 1:
      return argument(random, scope);
    case 2:
      return `size(${argument(random, scope)})`;
    case 3:
      return "agent.depth";
    default:
      return numberLiteral(random);
  }
}

function argument(random: Random, { parameters, elements }: Scope): string {
  if (elements.length > 0 && random.chance(0.5)) return random.pick(elements) + random.pick(["", "", ".note", "[0]"]);
  const name =
    parameters.length > 0 && random.chance(0.7) ? random.pick(parameters) : random.pick(["amount", "memo", "to", "lines", "count"]);
  const plain = /^[a-z_]+$/.test(name) ? `args.${name}` : `args[${quoted(name)}]`;
  return plain + random.pick(["", "", "", "", "", ".note", "[0]", '["a/b~c"]', "[0].note", "[-1]", "[1.0]"]);
}

function string(random: Random, scope: Scope): string {
  return random.pick([
    argument(random, scope),
    argument(random, scope),
    quoted(random.pick(texts)),
    "agent.name",
    `(${argument(random, scope)} + ${quoted(random.pick(texts))})`,
  ]);
}

const literal = (random: Random): string =>
  random.pick([quoted(random.pick(texts)), quoted(random.pick(texts)), numberLiteral(random), "true", "false", "null"]);

const listLiteral = (random: Random): string => `[${random.list(0, 4, () => literal(random)).join(", ")}]`;

function numberLiteral(random: Random): string {
  const value = random.pick([...policyNumbers, 0, 1, 2, 10, 100]);
  const text = String(Math.abs(value));
  const spelled = /[.e]/.test(text) ? text.replace(/^(\d+)e/, "$1.0e").replace("e+", "e") : random.chance(0.3) ? `${text}.0` : text;
  return value < 0 ? `-${spelled}` : spelled;
}

/** CEL takes JSON's escapes, but for the ones of a surrogate pair and of NUL, which JSON text need not use. */
const quoted = (value: string): string => JSON.stringify(value).replace(/\\u0000/g, "\\x00");
