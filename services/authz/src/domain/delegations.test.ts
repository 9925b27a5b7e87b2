import { agentClaims } from "@aegis/identity/claims";
import { expect, test } from "vitest";
import { activePolicy } from "../../test/given.ts";
import { judge } from "./decide.ts";
import { principalOf } from "./principal.ts";
import { Revocations } from "./revocations.ts";

/** `AEGIS_DELEGATIONS=1000000` is the long form. */
const cases = Number(process.env.AEGIS_DELEGATIONS ?? 100_000);
const now = Date.parse("2026-01-02T03:14:05.000Z");
const calls = ["pay:send", "pay:read", "mail:send", "mail:read"];

/** What each agent's policy allows, from whom it takes work, and how deep. */
const rules = {
  "w-zero": { may: ["pay:send", "pay:read", "mail:read"], from: [] as string[], depth: 0, intersect: false },
  "w-one": { may: ["pay:send", "mail:send", "mail:read"], from: ["w-zero"], depth: 1, intersect: true },
  "w-two": { may: ["pay:send", "pay:read", "mail:send"], from: ["w-zero", "w-one"], depth: 2, intersect: true },
  "w-three": { may: calls, from: ["w-two"], depth: 3, intersect: false },
} as const;
type Name = keyof typeof rules;
const names = Object.keys(rules) as Name[];

const policyOf = (agent: Name): string => {
  const { may, from, depth, intersect } = rules[agent];
  const tools = ["pay", "mail"].map((tool) => {
    const actions = may.filter((call) => call.startsWith(`${tool}:`)).map((call) => `{ name: ${call.split(":")[1]} }`);
    return actions.length === 0 ? "" : `    - { name: ${tool}, actions: [${actions.join(", ")}] }\n`;
  });
  const sources = from.length === 0 ? "" : `accept_from: [${from.join(", ")}], `;
  const delegation = `  delegation: { ${sources}max_depth: ${depth}${intersect ? ", authority: intersect" : ""} }\n`;
  return `apiVersion: aegis.dev/v1\nkind: AgentPolicy\nmetadata: { name: ${agent} }\nspec:\n  agents: [${agent}]\n${delegation}  tools:\n${tools.join("")}`;
};

/** A small generator of whole numbers, the same in every run. */
function numbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const covered = (scope: readonly string[], call: string) => scope.includes(call) || scope.includes(`${call.split(":")[0]}:*`);

test(`of ${cases} generated delegated calls none passes that its token, its chain or a policy of the chain does not hold`, () => {
  const active = activePolicy(names.map(policyOf).join("---\n"));
  const revocations = new Revocations();
  revocations.confirm(now);
  revocations.setAgent("acme.w-stopped", "revoked");
  revocations.setToken("acme.token.revoked-token-1", now + 1e6);
  const pick = numbers(20_261_127);
  const wrong: string[] = [];
  const seen = { allowed: 0, denied: 0 };
  for (let n = 0; n < cases; n++) {
    const length = 1 + pick(4);
    // Mostly a chain that the policies know, else any; now and then with somebody in it who is stopped.
    const proper = names.slice(0, length);
    const chain: string[] = pick(3) > 0 ? proper.toReversed() : Array.from({ length }, () => names[pick(4)]!);
    if (pick(12) === 0) chain[pick(length)] = "w-stopped";
    const user = pick(3) === 0;
    const acting = user ? chain : chain.slice(0, -1);
    const act = acting.toReversed().reduce<object | undefined>((inner, sub) => (inner ? { sub, act: inner } : { sub }), undefined);
    const scope = [...new Set(Array.from({ length: 1 + pick(3) }, () => [...calls, "pay:*", "mail:*"][pick(6)]!))].sort();
    const left = pick(10) === 0 ? -pick(3) : 1 + pick(300);
    const bound = pick(2) === 0;
    const details =
      pick(3) > 0
        ? undefined
        : [{ type: "aegis_tool_call", identifier: ["pay", "mail"][pick(2)]!, actions: [undefined, ["send"]][pick(2)] }];
    const claims = agentClaims.parse({
      ...{ iss: "https://token.test", aud: "aegis", iat: now / 1_000 + left - 300, exp: now / 1_000 + left },
      ...{ jti: pick(20) === 0 ? "revoked-token-1" : "a-good-token-1", org: "acme", tenant: pick(20) === 0 ? "globex" : "acme" },
      ...{ client_id: chain[0], sub: user ? "user:u-1" : chain.at(-1), depth: length - 1, instance: "i", scope: scope.join(" ") },
      ...(act === undefined ? {} : { act }),
      ...(bound ? { prompt_id: "p-1", session_id: "s-1" } : {}),
      ...(details === undefined ? {} : { authorization_details: details }),
    });
    const call = calls[pick(4)]!;
    const [tool = "", action = ""] = call.split(":");
    const context = {
      ...[{}, { promptId: "p-1" }, { promptId: "p-2" }][pick(3)],
      ...[{}, { sessionId: "s-1" }, { sessionId: "s-2" }][pick(3)],
    };
    const facts = { claims, principal: principalOf(claims), expired: claims.exp * 1_000 <= now, revocations, findings: [], now };
    const judged = judge(
      { tool, action, arguments: Object.create(null), context, dryRun: false },
      { ...facts, active: claims.tenant === "acme" ? active : undefined },
    );
    const allowed = judged.kind === "judged" && judged.verdict.decision === "allow";
    const rule = Object.hasOwn(rules, chain[0]!) ? rules[chain[0] as Name] : undefined;
    const may = (agent: string) => (rules[agent as Name]?.may as readonly string[] | undefined)?.includes(call) === true;
    const expected =
      rule !== undefined &&
      claims.tenant === "acme" &&
      !chain.includes("w-stopped") &&
      claims.jti === "a-good-token-1" &&
      left > 0 &&
      covered(scope, call) &&
      (details === undefined || details.some((one) => one.identifier === tool && (one.actions?.includes(action) ?? true))) &&
      may(chain[0]!) &&
      (length === 1 || rule.from.length === 0 || (rule.from as readonly string[]).includes(chain[1]!)) &&
      length - 1 <= rule.depth &&
      (!rule.intersect || chain.every(may)) &&
      (!bound || (context.promptId !== "p-2" && context.sessionId !== "s-2"));
    seen[allowed ? "allowed" : "denied"] += 1;
    if (allowed !== expected && wrong.length < 10) {
      const told = judged.kind === "refused" ? [judged.reason.code] : judged.verdict.reasons.map(({ code }) => code);
      wrong.push(`${n}: ${call} by ${chain.join(" ← ")} with ${scope.join(" ")}: ${allowed ? "allowed" : `denied (${told})`}`);
    }
  }
  expect(wrong).toEqual([]);
  expect(seen.allowed).toBeGreaterThan(cases / 100);
  expect(seen.denied).toBeGreaterThan(cases / 2);
}, 120_000);
