import type { JsonObject, JsonValue } from "@aegis/canonical/ijson";
import type { Finding } from "@aegis/dlp/detect";
import { matchesName } from "../../src/engine/limits.ts";
import type { EvaluationInput } from "../../src/input.ts";
import type { ActionRule, ParameterRule, Policy, PolicySet } from "../../src/ir.ts";
import { anywhere, destinationFor } from "./destinations.ts";
import { agentsOf } from "./policies.ts";
import type { Random } from "./random.ts";
import { anything, names, numbers, objectOf, text, texts } from "./values.ts";

type Draft = { -readonly [K in keyof EvaluationInput]: EvaluationInput[K] };

const at = Date.UTC(2027, 0, 15, 8, 0, 0);

/** A call that comes near to what the group's policies allow: all of it right, or a little of it wrong. */
export function callOf(random: Random, group: string, set: PolicySet): EvaluationInput {
  const known = agentsOf(group).filter((name) => set.policies.some(({ agents }) => agents.some((pattern) => matchesName(pattern, name))));
  const agent = known.length === 0 || random.chance(0.02) ? "stranger" : random.pick(known);
  const about = set.policies.filter(({ agents }) => agents.some((pattern) => matchesName(pattern, agent)));
  const call = fitting(random, agent, about);
  const faults = random.pick([0, 0, 1, 1, 2, 3]);
  for (let count = 0; count < faults; count++) random.pick(mutations)(random, call, about);
  return call;
}

function fitting(random: Random, agent: string, about: readonly Policy[]): Draft {
  const grants = about.flatMap(({ tools }) => tools.flatMap(({ name, actions }) => actions.map((rule) => ({ tool: name, rule }))));
  const chosen = grants.length === 0 ? undefined : random.pick(grants);
  const tool = chosen?.tool ?? "mail";
  const action = chosen?.rule.name ?? "send";
  const rules = grants.filter((grant) => grant.tool === tool && grant.rule.name === action).map(({ rule }) => rule);
  const purpose = about.flatMap(({ purposes }) => purposes?.allowed ?? [])[0] ?? (random.chance(0.3) ? "ops" : undefined);
  return {
    principal: { tenant: "acme", agent, subject: agent, chain: [agent], depth: 0, scope: [`${tool.replaceAll(":", "%3A")}:*`] },
    tool,
    action,
    arguments: argumentsFor(random, rules),
    destination: random.maybe(0.5, () => destinationFor(random, about)),
    context: { purpose, promptId: random.maybe(0.8, () => "p-1"), sessionId: random.maybe(0.5, () => "s-1") },
    session: random.maybe(0.5, () => factsFor(random, about)),
    drift: random.maybe(0.15, () => random.chance(0.7)),
    now: random.pick([at, at - 1, at + 1, at - 86_400_000]),
    findings: random.chance(0.3) ? findingsFor(random, about) : [],
  };
}

const mutations: readonly ((random: Random, call: Draft, about: readonly Policy[]) => void)[] = [
  argument,
  argument,
  argument,
  argument,
  argument,
  extra,
  omission,
  place,
  place,
  chained,
  chained,
  purposes,
  scopes,
  elsewhere,
  facts,
  sensitive,
  (random, call) => {
    call.drift = random.chance(0.9);
  },
  (random, call) => {
    call.context = { ...call.context, promptId: random.chance(0.5) ? undefined : "" };
  },
  (random, call) => {
    if (random.chance(0.2)) call.principal = { ...call.principal, tenant: "other" };
  },
];

function argumentsFor(random: Random, rules: readonly ActionRule[]): JsonObject {
  const parameters = rules.flatMap((rule) => rule.parameters);
  const wanted = parameters.filter(({ optional }) => optional !== true || random.chance(0.6));
  const extras: [string, JsonValue][] = random.chance(0.3) ? [["lines", [{ note: text(random) }, text(random)]]] : [];
  return objectOf([...extras, ...wanted.map((rule) => [rule.name, within(random, rule)] as const)]);
}

/** A value inside the bounds, as far as that is easily found. */
function within(random: Random, rule: ParameterRule): JsonValue {
  if (rule.enum !== undefined) return random.pick(rule.enum);
  if (rule.type === "number" || rule.type === "integer") {
    const ends = [rule.min, rule.max, rule.exclusiveMin, rule.exclusiveMax].filter((end) => end !== undefined);
    const candidates = [...numbers, ...ends, ...ends.flatMap((end) => [next(end, 1), next(end, -1)])].filter((value) =>
      inRange(value, rule),
    );
    return candidates.length === 0 ? 1 : random.pick(candidates);
  }
  if (rule.type === "string") {
    const fitting = texts.filter((value) => matches(rule, value));
    return fitting.length === 0 ? text(random) : random.pick(fitting);
  }
  if (rule.type === "boolean") return random.chance(0.5);
  if (rule.type === "array") return random.list(0, 3, () => anything(random, 1));
  if (rule.type === "object") return objectOf(random.list(0, 2, () => [random.pick(names), anything(random, 1)]));
  return anything(random);
}

const inRange = (value: number, { type, min, max, exclusiveMin, exclusiveMax }: ParameterRule): boolean =>
  (type !== "integer" || Number.isInteger(value)) &&
  value >= (min ?? -Infinity) &&
  value <= (max ?? Infinity) &&
  value > (exclusiveMin ?? -Infinity) &&
  value < (exclusiveMax ?? Infinity);

/** A guess: JavaScript reads most RE2 as RE2 does, and a wrong guess is only another near miss. */
function matches({ matches: pattern, minLength, maxLength }: ParameterRule, value: string): boolean {
  const { length } = [...value];
  if (length < (minLength ?? 0) || length > (maxLength ?? Infinity)) return false;
  if (pattern === undefined) return true;
  try {
    return new RegExp(pattern, "u").test(value);
  } catch {
    return true;
  }
}

/** The neighbouring double. */
function next(value: number, direction: 1 | -1): number {
  if (value === 0) return direction * Number.MIN_VALUE;
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  view.setBigInt64(0, view.getBigInt64(0) + BigInt(value > 0 ? direction : -direction));
  const neighbour = view.getFloat64(0);
  return Number.isFinite(neighbour) ? neighbour : value;
}

function argument(random: Random, call: Draft, about: readonly Policy[]): void {
  const rules = rulesFor(call, about).flatMap(({ parameters }) => parameters);
  const rule = rules.length === 0 ? undefined : random.pick(rules);
  const name = rule?.name ?? random.pick(names);
  set(call, name, beside(random, rule));
}

/** A value just outside a bound, of another type, or any. */
function beside(random: Random, rule: ParameterRule | undefined): JsonValue {
  if (rule === undefined || random.chance(0.25)) return anything(random);
  const ends = [rule.min, rule.max, rule.exclusiveMin, rule.exclusiveMax].filter((end) => end !== undefined);
  if (ends.length > 0 && random.chance(0.8)) {
    const end = random.pick(ends);
    return random.pick([end, next(end, 1), next(end, -1), end + 1, end - 1, -end, alike(random, end), String(end), [end]]);
  }
  if (rule.enum !== undefined && random.chance(0.8)) {
    const value = random.pick(rule.enum);
    return random.pick<JsonValue>([
      typeof value === "number" ? alike(random, value) : String(value),
      typeof value === "number" ? alike(random, value) : String(value),
      String(value),
      [value],
      typeof value === "string" ? value.toUpperCase() : value,
      null,
      `${String(value)} `,
    ]);
  }
  return random.pick<JsonValue>([random.pick(texts), random.pick(numbers), true, null, [], {}, [7], "5e3", text(random)]);
}

/** A number of the same digits, which a reader of texts may take for the other one. */
const alike = (random: Random, value: number): number => {
  const other = Number(`${value}e${random.pick([1, 2, 3, -1, -2, 9, 90, -9, -90])}`);
  return Number.isFinite(other) ? other : value;
};

function extra(random: Random, call: Draft): void {
  for (const name of random.some(names, 1, 3)) set(call, name, anything(random, 1));
}

function omission(random: Random, call: Draft): void {
  const present = Object.keys(call.arguments);
  if (present.length === 0) return;
  const dropped = random.pick(present);
  call.arguments = objectOf(Object.entries(call.arguments).filter(([name]) => name !== dropped) as [string, JsonValue][]);
}

function set(call: Draft, name: string, value: JsonValue): void {
  call.arguments = objectOf([
    ...(Object.entries(call.arguments).filter(([each]) => each !== name) as [string, JsonValue][]),
    [name, value],
  ]);
}

const rulesFor = ({ tool, action }: Draft, about: readonly Policy[]): ActionRule[] =>
  about.flatMap(({ tools }) =>
    tools.filter(({ name }) => name === tool).flatMap(({ actions }) => actions.filter(({ name }) => name === action)),
  );

function place(random: Random, call: Draft, about: readonly Policy[]): void {
  call.destination = anywhere(random, about);
}

function chained(random: Random, call: Draft, about: readonly Policy[]): void {
  const { agent } = call.principal;
  const group = agent.split("-")[0]!;
  const wanted = about.flatMap(({ delegation }) => delegation?.acceptFrom ?? []);
  const parents = [...agentsOf(group), ...agentsOf(group), "stranger", ...wanted.map((pattern) => pattern.replace("*", "x"))];
  const earlier = random.list(0, 3, () => random.pick(parents));
  const chain = [agent, ...earlier];
  const depth = random.chance(0.9) ? earlier.length : random.integer(0, 4);
  call.principal = {
    ...call.principal,
    chain,
    depth,
    subject: chain.at(-1)!,
    issuedAt: random.maybe(0.7, () => call.now / 1000 - random.integer(0, 400)),
  };
}

function purposes(random: Random, call: Draft): void {
  call.context = { ...call.context, purpose: random.pick([undefined, "", "payables", "ops", "care", "other", "Ops"]) };
}

function scopes(random: Random, call: Draft): void {
  const tool = call.tool.replaceAll(":", "%3A");
  const action = call.action.replaceAll(":", "%3A");
  call.principal = {
    ...call.principal,
    scope: random.pick([[], [`${tool}:${action}`], [`${call.tool}:*`], ["other:*", `${tool}:*`], ["*:*"], [`${tool}:other`], [tool]]),
  };
}

function elsewhere(random: Random, call: Draft): void {
  if (random.chance(0.5)) call.tool = random.pick(["mail", "pay:out", "crm/x.y", "db", "shell", "__proto__"]);
  else call.action = random.pick(["send", "read", "delete_all", "delete_", "a:b", "purge", "other", "constructor"]);
  if (random.chance(0.8)) call.principal = { ...call.principal, scope: [`${call.tool.replaceAll(":", "%3A")}:*`] };
}

function factsFor(random: Random, about: readonly Policy[]): { labels: string[]; calls: string[] } {
  const asked = about.flatMap(({ session }) => session?.map(({ after }) => after) ?? []);
  const near = asked.map((after) => after.replaceAll("*", random.pick(["", "mail", "send"])));
  const from = [
    ...near,
    ...near,
    "untrusted",
    "pii",
    "other",
    "mail:read",
    "mail:send",
    "db:delete_all",
    "pay%3Aout:send",
    "crm/x.y:a:b",
    "crm/x.y:a%3Ab",
  ];
  const seen = random.some(from, 0, 3);
  return {
    labels: [...new Set(seen.filter((each) => !each.includes(":")))].sort(),
    calls: [...new Set(seen.filter((each) => each.includes(":")))].sort(),
  };
}

function facts(random: Random, call: Draft, about: readonly Policy[]): void {
  call.session = random.chance(0.1) ? undefined : factsFor(random, about);
}

function findingsFor(random: Random, about: readonly Policy[]): Finding[] {
  const rules = about.flatMap(({ dlp }) => dlp);
  return random.list(1, 4, () => {
    const rule = rules.length === 0 ? undefined : random.pick(rules);
    const detector = rule === undefined || random.chance(0.2) ? random.pick(["email", "phone", "secret"]) : random.pick(rule.detect);
    const pattern = rule?.in === undefined ? undefined : random.pick(rule.in);
    const near = pattern?.replaceAll("*", random.pick(["0", "x", "*"]));
    const pointer = random.pick([
      near ?? "/memo",
      near ?? "/x",
      `${near ?? "/x"}/deep/1`,
      "/memory",
      "/lines/0/note",
      "/a~1b~0c",
      "/ä",
      "",
    ]);
    const start = random.integer(0, 5);
    return { detector, pointer, start, end: start + random.integer(1, 9), inKey: random.chance(0.15) };
  });
}

function sensitive(random: Random, call: Draft, about: readonly Policy[]): void {
  call.findings = findingsFor(random, about);
}
