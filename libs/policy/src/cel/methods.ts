import { RE2JS } from "re2js";
import { maxPatternSize, patternSize } from "../language/checks/pattern-shape.ts";
import type { Checked } from "./checked.ts";
import { type ClockPart, clockParts, type Operation } from "./expression.ts";
import type { Kind } from "./shape.ts";
import { clockRange, readDuration, readTimestamp, readZone } from "./time.ts";

interface Tools {
  readonly call: (operation: Operation, kind: Kind, also?: Partial<Checked>) => Checked;
  readonly must: (value: Checked, kinds: readonly Kind[], of: string) => void;
  readonly fail: (offset: number, message: string, hint: string) => never;
}

/** A function of the language: how it is written, and how many values it takes, its receiver included. */
interface Method {
  readonly least: number;
  readonly most: number;
  readonly method?: false;
  readonly function?: false;
  readonly example: string;
  readonly check: (at: number, args: readonly Checked[], tools: Tools) => Checked;
}

const text = (name: Operation & string, example: string): Method => ({
  least: 2,
  most: 2,
  function: false,
  example,
  check: (_, args, { call, must, fail }) => {
    for (const each of args) must(each, ["string"], `"${name}"`);
    const [of, part] = args as [Checked, Checked];
    if (name === "contains" && part.bound && of.large) {
      fail(of.at, '"contains" goes through arguments once for each element', "use the element, or a list that you write out");
    }
    return call(name, "boolean");
  },
});

const literalText = (value: Checked, what: string, { must, fail }: Tools): string => {
  must(value, ["string"], what);
  if (value.term.op === "literal" && typeof value.term.value === "string") return value.term.value;
  return fail(value.at, `${what} takes text that is written out`, "write it in quotes");
};

const matches: Method = {
  least: 2,
  most: 2,
  example: 'args.name.matches("^[a-z]+$")',
  check: (_, args, tools) => {
    const [of, pattern] = args as [Checked, Checked];
    tools.must(of, ["string"], '"matches"');
    const written = literalText(pattern, "the pattern of matches", tools);
    if (written.length > 1000) tools.fail(pattern.at, "the pattern is over 1,000 characters", "make it simpler");
    if (patternSize(written) > maxPatternSize) tools.fail(pattern.at, "the pattern's counted repeats unfold to too much", "repeat less");
    try {
      RE2JS.compile(written);
    } catch (caught) {
      const why = caught instanceof Error ? caught.message : "unreadable";
      tools.fail(pattern.at, `the pattern cannot be read: ${why}`, "RE2 syntax has no lookaround and no backreference");
    }
    return tools.call("matches", "boolean");
  },
};

const literal = (args: readonly Checked[], at: number, value: number, kind: Kind): Checked => ({
  ...args[0]!,
  term: { op: "literal", at, value },
  shape: { kind },
  at,
});

const clock = (name: ClockPart): Method => ({
  least: 1,
  most: 2,
  function: false,
  example: `now.${name}() or now.${name}("Europe/Zurich")`,
  check: (at, args, tools) => {
    const [of, zone] = args as [Checked, Checked | undefined];
    if (of.shape.kind !== "timestamp") tools.fail(of.at, `"${name}" is asked of what is no time`, `write ${clock(name).example}`);
    const written = zone === undefined ? "UTC" : literalText(zone, "a time zone", tools);
    if (readZone(written) === undefined)
      tools.fail(zone?.at ?? at, `"${written}" is no time zone`, 'write a name such as "Europe/Zurich", "UTC" or "+02:00"');
    const { least, most } = clockRange;
    const own = of.term;
    if (own.op === "literal" && ((own.value as number) < least || (own.value as number) > most)) {
      tools.fail(of.at, `"${name}" is told of the years 1970 to 2099`, "compare times with < and >");
    }
    return {
      ...of,
      term: { op: "call", at, name, args: [own, { op: "literal", at: zone?.at ?? at, value: written }] },
      shape: { kind: "number" },
      at,
    };
  },
});

/** The functions and methods by name. */
export const methods: Readonly<Record<string, Method>> = Object.assign(Object.create(null) as Record<string, Method>, {
  size: {
    least: 1,
    most: 1,
    example: "size(args.list) or args.list.size()",
    check: (_, args, { call, must }) => {
      must(args[0]!, ["string", "list", "map"], '"size"');
      return call("size", "number");
    },
  },
  startsWith: text("startsWith", 'args.path.startsWith("/public/")'),
  endsWith: text("endsWith", 'args.to.endsWith("@example.com")'),
  contains: text("contains", 'args.memo.contains("invoice")'),
  matches,
  timestamp: {
    least: 1,
    most: 1,
    method: false,
    example: 'timestamp("2030-01-31T00:00:00Z")',
    check: (at, args, { call, must, fail }) => {
      const [of] = args as [Checked];
      if (of.shape.kind === "timestamp") return of;
      must(of, ["string"], '"timestamp"');
      if (of.term.op !== "literal") return call("timestamp", "timestamp");
      const value = readTimestamp(of.term.value as string);
      if (value === undefined) return fail(of.at, "this is no time", 'write timestamp("2030-01-31T00:00:00Z")');
      return literal(args, at, value, "timestamp");
    },
  },
  duration: {
    least: 1,
    most: 1,
    method: false,
    example: 'duration("1h30m")',
    check: (at, args, tools) => {
      const [of] = args as [Checked];
      if (of.shape.kind === "duration") return of;
      const value = readDuration(literalText(of, '"duration"', tools));
      if (value === undefined)
        return tools.fail(of.at, "this is no duration", 'write h, m, s and ms, such as duration("1h30m"), to the millisecond');
      return literal(args, at, value, "duration");
    },
  },
  ...Object.fromEntries(clockParts.map((name) => [name, clock(name)])),
} satisfies Record<string, Method>);
