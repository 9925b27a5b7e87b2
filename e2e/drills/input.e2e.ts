import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type CheckRequestSchema, type CheckResponse, Decision } from "@aegis/contracts/aegis/authz/v1/authz";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type AttackName, type AttackOrder, attackNames } from "../src/attacks.ts";
import { type Caller, callAuthz, isAllowed } from "../src/caller.ts";
import { root } from "../src/cli.ts";
import { hostileDocument, seeded, strictlyReadable } from "../src/hostile-documents.ts";
import { opa, startOpa } from "../src/opa.ts";
import { sharedTenant, type Tenant } from "../src/tenant.ts";

/** `AEGIS_DRILL_ATTACK_MS=3000 AEGIS_DRILL_ATTACK_ROUNDS=3` is the long form of the attacks, in turn with calm; more documents with AEGIS_DRILL_DOCUMENTS and another AEGIS_DRILL_SEED. */
const attackMs = Number(process.env.AEGIS_DRILL_ATTACK_MS ?? 600);
const attackRounds = Number(process.env.AEGIS_DRILL_ATTACK_ROUNDS ?? 1);
const documents = Number(process.env.AEGIS_DRILL_DOCUMENTS ?? 6_000);
const seed = Number(process.env.AEGIS_DRILL_SEED ?? 1);

interface Tricks {
  readonly allow: unknown;
  readonly cases: readonly { readonly name: string; readonly url: string; readonly method: string; readonly passes: boolean }[];
}

let tenant: Tenant;
let tricks: Tricks;
let caller: Caller;
let pids: string;

const processes = async () => {
  const status = await tenant.cli.json<{ processes: { name: string; pid: number }[] }>(["status"], "any");
  return JSON.stringify(status.processes.map(({ name, pid }) => [name, pid]).sort());
};

beforeAll(async () => {
  tenant = await sharedTenant("input");
  tricks = JSON.parse(await readFile(join(root, "vectors/egress/tricks.json"), "utf8"));
  const policy = {
    ...{ apiVersion: "aegis.dev/v1", kind: "AgentPolicy", metadata: { name: "input" } },
    spec: {
      agents: ["input-agent"],
      tools: [
        { name: "any", justification: "takes anything", actions: [{ name: "call", additional_parameters: "allow" }] },
        {
          name: "words",
          justification: "looks at long texts",
          actions: ["^(a+)+$", "^(a|a)*b$", "^(.*a){20}$", "(x+x+)+y"].map((matches, index) => ({
            name: `match-${index}`,
            parameters: { text: { type: "string", matches } },
          })),
        },
      ],
    },
  };
  const egress = {
    ...{ apiVersion: "aegis.dev/v1", kind: "AgentPolicy", metadata: { name: "egress" } },
    spec: {
      agents: ["egress-agent"],
      egress: { allow: tricks.allow },
      tools: [{ name: "http", justification: "calls out", actions: [{ name: "call" }] }],
    },
  };
  await tenant.publish(JSON.stringify(policy), JSON.stringify(egress));
  await tenant.register("input-agent", "--scope", "any:* words:*");
  await tenant.register("egress-agent", "--scope", "http:*");
  caller = callAuthz(tenant.fabric.endpoints.authz.grpc, await issue("input-agent"));
  pids = await processes();
}, 120_000);

afterAll(() => caller?.[Symbol.dispose]());

const issue = async (agent: string) =>
  (await tenant.cli.json<{ access_token: string }>(["token", "issue", "--tenant", tenant.name, "--agent", agent])).access_token;

type Request = MessageInitShape<typeof CheckRequestSchema>;
const anything = (json: Uint8Array): Request => ({
  tool: "any",
  action: "call",
  args: { case: "argumentsJson", value: json },
  dryRun: true,
});

/** Milliseconds of calls one after the other, with a moment between them, for so long. */
async function latencies(client: Caller, ms: number): Promise<number[]> {
  const took: number[] = [];
  for (const until = performance.now() + ms; performance.now() < until; ) {
    const asked = performance.now();
    const answer = await client.client.check({ ...anything(Buffer.from('{"a":1}')), agentToken: client.token });
    took.push(performance.now() - asked);
    expect(isAllowed(answer)).toBe(true);
    await pause(1);
  }
  return took;
}

const p99 = (values: number[]) => values.toSorted((a, b) => a - b)[Math.ceil(values.length * 0.99) - 1] ?? Number.NaN;

/** Attacks beside a bystander's calls, in turn with calm, and says what the bystander felt. */
async function attack(name: AttackName): Promise<string> {
  const { http, grpc } = tenant.fabric.endpoints.authz;
  using bystander = callAuthz(grpc, caller.token);
  // Its own for each attack: what is remembered of one must not stand in the way of the next.
  const from = `127.0.0.${2 + attackNames.indexOf(name)}`;
  const [calm, under]: [number[], number[]] = [[], []];
  const heard = new Map<string, number>();
  for (let round = 0; round < attackRounds; round++) {
    calm.push(...(await latencies(bystander, attackMs)));
    await using attacker = await startAttack({ name, grpc, http, token: caller.token, ms: attackMs + 500, from });
    await pause(250);
    under.push(...(await latencies(bystander, attackMs)));
    for (const [what, times] of await attacker.heard) heard.set(what, (heard.get(what) ?? 0) + times);
  }
  const told = [...heard].sort((a, b) => b[1] - a[1]).slice(0, 4);
  const [before, during] = [p99(calm), p99(under)];
  const answers = told.map(([what, times]) => `${what} x${times}`).join(", ");
  return `${name}: p99 of others ${before.toFixed(1)} -> ${during.toFixed(1)} ms (${(during / before).toFixed(2)}x, ${under.length} calls); heard ${answers || "nothing yet"}`;
}

/** In a process that has only what others leave of the processor: it is the server that is attacked, not the bystander's machine. */
async function startAttack(order: AttackOrder) {
  const command = [join(root, "e2e/src/attacks.ts"), JSON.stringify(order)];
  const child = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "inherit"] });
  const over = once(child, "close");
  let said = "";
  child.stdout.on("data", (chunk) => {
    said += chunk;
  });
  await vi.waitUntil(() => said !== "", { timeout: 30_000, interval: 10 });
  const heard = over.then(() => JSON.parse(said.slice(said.indexOf("\n"))) as [string, number][]);
  const stop = async () => {
    child.kill();
    await over;
  };
  return { heard, [Symbol.asyncDispose]: stop };
}

test("while one client attacks, the others are answered, and no process ends", {
  timeout: 120_000 + attackNames.length * attackRounds * (2 * attackMs + 5_000),
}, async () => {
  for (const name of attackNames) console.log(await attack(name));
  expect(await processes()).toBe(pids);
});

test("policies that are bombs are refused in moments, and no process ends", async () => {
  const { access_token: operator } = await tenant.cli.json<{ access_token: string }>([
    ...["operator", "token", "--user", "ann", "--role", "policy-author", "--tenant", tenant.name],
  ]);
  const laughs = ["a0: &a0 [x]", ...Array.from({ length: 12 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(10)}]`)].join("\n");
  const bombs: Record<string, string> = {
    "a billion laughs": laughs,
    "an alias of itself": "a: &a [*a]",
    "100,000-deep lists": "[".repeat(100_000),
    "100,000-deep maps": "{a: ".repeat(100_000),
    "100,000 keys": `agent: a\n${Array.from({ length: 100_000 }, (_, i) => `k${i}: 1`).join("\n")}`,
    "100,000 documents": "---\na: 1\n".repeat(100_000),
    "a merge of merges": `x: &x {a: 1}\n${Array.from({ length: 5_000 }, () => "y: {<<: *x}").join("\n")}`,
    "a tag that would make an object": "agent: !!js/function 'function(){}'",
  };
  for (const [name, text] of Object.entries(bombs)) {
    const asked = performance.now();
    const answer = await fetch(`${tenant.fabric.endpoints["policy-compiler"].http}/v1/tenants/${tenant.name}/policies:validate`, {
      method: "POST",
      headers: { authorization: `Bearer ${operator}`, "content-type": "application/json" },
      body: JSON.stringify({ files: [{ name: "bomb.yaml", text }] }),
    });
    const told = (await answer.json()) as { ok?: boolean; faults?: { message: string }[]; detail?: string };
    console.log(
      `${name}: ${answer.status} in ${(performance.now() - asked).toFixed(0)} ms: ${(told.faults?.[0]?.message ?? told.detail ?? "").slice(0, 100)}`,
    );
    expect([answer.status < 500, told.ok === true], name).toEqual([true, false]);
  }
  expect(await processes()).toBe(pids);
});

test("of hostile arguments, exactly those are read that a strict reader reads", async () => {
  const random = seeded(seed);
  const wrong: string[] = [];
  let readable = 0;
  for (let done = 0; done < documents; done += 100) {
    const batch = Array.from({ length: 100 }, () => hostileDocument(random));
    const requests = batch.map(anything);
    const { responses } = await caller.client.checkBatch({ requests: requests.map((one) => ({ ...one, agentToken: caller.token })) });
    for (const [index, bytes] of batch.entries()) {
      const { outcome } = responses[index] ?? {};
      const expected = strictlyReadable(bytes);
      if (expected) readable++;
      const taken = outcome?.case === "response" && isAllowed(outcome.value);
      const refused = outcome?.case === "error" && outcome.value.code === 3 && /I-JSON|nest|bytes/.test(outcome.value.message);
      if (expected ? !taken : !refused)
        wrong.push(`${expected ? "refused" : "accepted"} ${Buffer.from(bytes).toString("base64").slice(0, 200)}`);
    }
  }
  console.log(
    `${documents} hostile documents (seed ${seed}): ${readable} readable, ${documents - readable} not, ${wrong.length} read otherwise`,
  );
  expect(wrong.slice(0, 5)).toEqual([]);
  expect(readable).toBeGreaterThan(documents / 20);
  expect(await processes()).toBe(pids);
});

test("no trick passes an egress list, through authz and through OPA with the same policies", async () => {
  const token = await issue("egress-agent");
  const decided: (CheckResponse | undefined)[] = [];
  for (let from = 0; from < tricks.cases.length; from += 100) {
    const requests = tricks.cases.slice(from, from + 100).map(({ url, method }) => ({
      ...{ agentToken: token, tool: "http", action: "call", dryRun: true },
      destination: { url, method },
    }));
    const { responses } = await caller.client.checkBatch({ requests });
    decided.push(...responses.map(({ outcome }) => (outcome.case === "response" ? outcome.value : undefined)));
  }
  const differ = tricks.cases.filter(({ passes }, index) => (decided[index]?.decision === Decision.ALLOW) !== passes);
  expect(differ).toEqual([]);
  const bad = tricks.cases.filter(({ passes }) => !passes);
  console.log(`${bad.length} egress tricks through authz: 0 pass; ${tricks.cases.length - bad.length} plain ones do`);
  if (opa === undefined) return console.log("OPA is not here (set AEGIS_OPA, or put opa on PATH or in .aegis/tools): only authz was asked");
  await using server = await startOpa(tenant.fabric, tenant.name);
  await vi.waitUntil(async () => (await server.revision()) === 1, { timeout: 30_000 });
  const principal = {
    tenant: tenant.name,
    agent: "egress-agent",
    subject: "egress-agent",
    chain: ["egress-agent"],
    depth: 0,
    scope: ["http:*"],
    issuedAt: 0,
  };
  const otherwise: string[] = [];
  for (const { name, url, method, passes } of tricks.cases) {
    const destination = { url, ...(method !== "" && { method }) };
    const input = { principal, tool: "http", action: "call", arguments: {}, context: {}, now: Date.now(), findings: [], destination };
    const answer = await server.decide(input);
    if ((answer?.decision === "allow") !== passes) otherwise.push(`${name}: ${answer?.decision}`);
  }
  expect(otherwise).toEqual([]);
  console.log(`the same through OPA: 0 of ${bad.length} pass`);
});

test("no pattern takes long over 64 KB", async () => {
  const times = async (request: Request) => {
    const took: number[] = [];
    for (let i = 0; i < 15; i++) {
      const asked = performance.now();
      await caller.client.check({ ...request, agentToken: caller.token, dryRun: true });
      took.push(performance.now() - asked);
    }
    return took.sort((a, b) => a - b)[7] ?? Number.NaN;
  };
  const value = Buffer.from(JSON.stringify({ text: `${"a".repeat(65_536)}!` }));
  const plain = await times(anything(value));
  for (const index of [0, 1, 2, 3]) {
    const matched = await times({ tool: "words", action: `match-${index}`, args: { case: "argumentsJson", value } });
    console.log(`pattern ${index} over 64 KB: ${matched.toFixed(1)} ms a call, ${(matched - plain).toFixed(1)} more than without one`);
    expect(matched).toBeLessThan(5_000);
  }
});
