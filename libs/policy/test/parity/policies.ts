import type { JsonObject, JsonValue } from "@aegis/canonical/ijson";
import type { PolicyFile } from "../../src/language/compile.ts";
import { condition, conditionOnTime, cost } from "./conditions.ts";
import type { Random } from "./random.ts";
import { names, objectOf, policyNumbers, texts } from "./values.ts";

const tools = ["mail", "pay:out", "crm/x.y", "db"];
const actions = ["send", "read", "delete_all", "a:b", "purge"];
const purposes = ["payables", "ops", "care"];
const labels = ["untrusted", "pii", "seen/web"];
const detectors = ["email", "us_ssn", "credit_card", "secret", "ticket_number"];
const pointers = ["/memo", "/to", "/lines/*/note", "/*", "/*/*", "/lines", "/a~1b~0c", "/0", "/__proto__", "/lines/0/note/deep"];

/** RE2 of every kind that policies may hold. */
const patterns = [
  "^acct_[a-z0-9]+$",
  "(?i)k",
  "(?i)straße",
  "(?i)ſ",
  "^\\p{L}+$",
  "\\p{Greek}|\\p{Hebrew}",
  "\\pN",
  "\\d",
  "^\\D*$",
  "\\bacct",
  "^.$",
  "(?s)^.$",
  "(?m)^b$",
  "^$",
  "[^a]",
  "^[[:alpha:]]*$",
  "\\x{1F600}",
  "^\\S+$",
  "(?:a*)*b",
  "\\Aacct_1\\z",
  "^(?:a|😀){1,3}$",
  "[\\x00-\\x1f]",
  "^(?U)a+",
  "[^\\x00-\\x{10FFFF}]",
];

const hosts = [
  "api.stripe.com",
  "*.ledger.internal",
  "ehr.internal",
  "localhost:8443",
  "*.example.com:8080",
  "10.0.0.1",
  "[2001:db8::1]",
  { host: "ehr.internal", path: "/patients/{tenant}/records/**", methods: ["GET"] },
  { host: "ehr.internal", path: "/v1/*/x", methods: ["POST", "PUT"] },
  { host: "*.files.test", path: "/a.b/(c)+/$d" },
  { host: "api.stripe.com", methods: ["GET", "HEAD"] },
];

/** Which agents a group's policies are about; no other group's policies are. */
export const agentsOf = (group: string): readonly string[] => [`${group}-pay`, `${group}-plan`, `${group}-ops-1`, `${group}-ops-22`];

/**
 * Files of a few policies that overlap one another, about the agents of one group.
 *
 * @param turn the group's number among all groups of a run
 */
export function policiesOf(random: Random, group: string, turn: number): PolicyFile[] {
  return random.list(1, 4, (at) => {
    const timed = at % 2 === 0 ? turn * 2 + at / 2 : undefined;
    const document = random.chance(0.12) ? bareAgent(random, group) : agentPolicy(random, group, { name: `${group}-p${at}`, timed });
    return fileOf(`${group}-${at}.yaml`, document);
  });
}

/** What holds for all groups: ground rules, detectors, and what is known of the tools. */
export function groundRules(random: Random): PolicyFile[] {
  const governance = {
    apiVersion: "aegis.dev/v1",
    kind: "Governance",
    metadata: { name: "ground" },
    spec: {
      exchange_rates: { EUR: 1.0842 },
      detectors: [{ name: "ticket_number", pattern: "TCK-[0-9]{6}", context: ["ticket"] }],
      ...(random.chance(0.5) && { delegation: { token_ttl_seconds: random.integer(30, 300), max_depth: random.integer(1, 3) } }),
      ...(random.chance(0.15) && { quotas: { max_actions_per_prompt: 50 } }),
    },
  };
  const catalog = {
    apiVersion: "aegis.dev/v1",
    kind: "ToolCatalog",
    metadata: { name: "tools" },
    spec: {
      tools: tools.map((name) => ({
        name,
        actions: actions.map((action) => ({
          name: action,
          risk: random.pick(["low", "medium", "high"]),
          labels: random.some(labels, 1, 2),
          cost: { usd: 0.01 },
          max_cost: { usd: 5 },
          durability: random.pick(["T0", "T1", "T2"]),
        })),
      })),
    },
  };
  return [fileOf("governance.yaml", governance), fileOf("tools.yaml", catalog)];
}

/** Members on lines of their own, so that each rule has a place of its own; in ASCII, since files may not hold whatever texts may. */
function fileOf(name: string, document: JsonObject): PolicyFile {
  const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return { name, text: JSON.stringify(document, null, 1).replace(/[\u007f-\uffff]/g, escaped) };
}

function agentPolicy(
  random: Random,
  group: string,
  { name, timed }: { readonly name: string; readonly timed: number | undefined },
): JsonObject {
  const mode = random.maybe(0.2, () => "shadow");
  return given({
    apiVersion: "aegis.dev/v1",
    kind: "AgentPolicy",
    metadata: { name },
    spec: given({
      agents: agentPatterns(random, group),
      mode,
      purposes: random.maybe(0.2, () => random.some(purposes, 1, 2)),
      delegation: random.maybe(0.3, () =>
        given({
          accept_from: random.maybe(0.7, () => random.some([`${group}-plan`, `${group}-*`, "*", `${group}-ops-*`], 1, 2)),
          max_depth: random.maybe(0.6, () => random.integer(0, 3)),
          authority: random.maybe(0.5, () => "intersect"),
        }),
      ),
      egress: random.maybe(0.3, () => ({ allow: random.some(hosts, 0, 4) as JsonValue[] })),
      dlp: random.maybe(0.35, () => random.list(1, 3, () => dlpRule(random))),
      results: random.maybe(0.15, () => given({ dlp: random.maybe(0.5, () => [dlpRule(random)]), labels: random.some(labels, 1, 2) })),
      session: random.maybe(0.25, () => random.list(1, 2, () => sessionRule(random))),
      on_drift: random.maybe(0.25, () => random.pick(["deny", "approval_needed", "flag"])),
      limits: random.maybe(0.1, () => [
        random.pick([
          { rate: "60/m" },
          { budget: "daily", usd: 10, soft: "80%" },
          { budget: "prompt", actions: 5 },
          { budget: "prompt", usd: 5 },
        ]),
      ]),
      tools: random.some(tools, 1, 3).map((tool, at) => toolRules(random, tool, at === 0 ? timed : undefined)),
    }),
  });
}

function agentPatterns(random: Random, group: string): string[] {
  const agents = agentsOf(group);
  const patterns = [...agents, agents[0]!, agents[0]!, `${group}-*`, `${group}-*`, `${group}-ops-*`, `${group}-p*`];
  return [...new Set(random.list(1, 3, () => random.pick(patterns)))];
}

/** @param timed which condition about time the first action has */
function toolRules(random: Random, name: string, timed?: number): JsonObject {
  const allowed = random.some(actions, 1, 3);
  const denied = random.maybe(0.2, () => random.some(["delete_*", "purge", "a:*", "*", "read"], 1, 1));
  return given({
    name,
    justification: random.maybe(0.2, () => "needed"),
    deny: denied,
    actions: allowed.map((action, at) => actionRule(random, action, at === 0 ? timed : undefined)),
  });
}

function actionRule(random: Random, name: string, timed?: number): JsonObject {
  const parameters = objectOf(random.some(names, 0, 3).map((parameter) => [parameter, parameterRule(random)] as const));
  const named = Object.keys(parameters);
  return given({
    name,
    mode: random.maybe(0.12, () => "shadow"),
    parameters,
    additional_parameters: random.maybe(0.5, () => random.pick(["allow", "allow", "deny"])),
    when: timed === undefined ? random.maybe(0.4, () => condition(random, named)) : conditionOnTime(random, named, timed),
    approval: random.maybe(0.2, () => given({ queue: "finance", quorum: random.maybe(0.5, () => 2) })),
    cost: random.maybe(0.15, () =>
      random.chance(0.5) ? (named.length % 2 === 0 ? { usd: 1.5 } : { money: "EUR 1.5" }) : { usd: cost(random, named) },
    ),
    durability: random.maybe(0.3, () => random.pick(["T0", "T1", "T2"])),
    obligations: random.maybe(0.1, () => ["sandbox"]),
  });
}

function parameterRule(random: Random): JsonObject {
  const extras = given({ optional: random.maybe(0.35, () => true), beyond: random.maybe(0.25, () => "approval_needed") });
  const [low, high] = random.some(
    [...policyNumbers].sort((a, b) => a - b),
    2,
    2,
  ) as [number, number];
  switch (random.integer(0, 8)) {
    case 0:
      return { type: "number", [random.pick(["min", "exclusive_min"])]: low, [random.pick(["max", "exclusive_max"])]: high, ...extras };
    case 1:
      return {
        type: random.pick(["number", "integer"]),
        [random.pick(["min", "max", "exclusive_min", "exclusive_max"])]: random.pick(policyNumbers),
        ...extras,
      };
    case 2:
      return { type: "string", min_length: random.integer(0, 2), max_length: random.pick([2, 3, 4, 40, 300]), ...extras };
    case 3:
      return { matches: random.pick(patterns), ...extras };
    case 4:
      return { enum: random.some<JsonValue>([...texts.slice(0, 20), ...policyNumbers, true, false, null], 1, 4), ...extras };
    case 5:
      return { type: random.pick(["boolean", "array", "object", "string", "integer", "number"]), ...extras };
    case 6:
      return { type: "string", matches: random.pick(patterns), max_length: 40, ...extras };
    case 7:
      return { type: "integer", min: 0, max: random.pick([0, 10, 2 ** 53 - 1]), ...extras };
    default:
      return extras;
  }
}

const dlpRule = (random: Random): JsonObject =>
  given({
    detect: random.some(detectors, 1, 3),
    in: random.maybe(0.6, () => random.some(pointers, 1, 2)),
    action: random.pick(["redact", "mask", "hash", "deny"]),
  });

const sessionRule = (random: Random): JsonObject =>
  given({
    after: random.pick([...labels, "mail:read", "pay%3Aout:*", "*:send", "crm/*:a:b", "db:del*"]),
    deny: random.some(["mail:send", "mail:*", "*:send", "pay%3Aout:*", "*:*", "db:del*", "crm/*:a:b"], 1, 2),
    unless: random.maybe(0.4, () => "approval"),
  });

function bareAgent(random: Random, group: string): JsonObject {
  return {
    agent: random.pick(agentsOf(group)),
    allowed_tools: random.some(tools, 1, 2).map((name) =>
      given({
        name,
        actions: random.some(actions, 1, 3),
        conditions: random.maybe(0.7, () =>
          given({
            max_amount: 5000,
            min_amount: random.maybe(0.5, () => 0.5),
            to_in: random.maybe(0.5, () => ["a", "😀"]),
            memo_matches: random.maybe(0.4, () => "^acct_"),
            on_violation: random.pick(["deny", "approval_needed"]),
          }),
        ),
      }),
    ),
  };
}

/** Without the members that are `undefined`. */
const given = (members: { readonly [name: string]: JsonValue | undefined }): JsonObject =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as JsonObject;
