import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { assertionType, clientId, signClientAssertion } from "@aegis/identity/assertion";
import { agentTokenVerifier } from "@aegis/identity/verify";
import { cpuMicros } from "./cpu.ts";
import { startFabric } from "./fabric.ts";
import { type Machine, machine } from "./machine.ts";
import type { BenchOptions } from "./report.ts";
import { median } from "./rounds.ts";
import { spin } from "./spin.ts";

interface Row {
  readonly what: string;
  readonly perSecond: number;
  /** Milliseconds; of requests only. */
  readonly p50: number | undefined;
  readonly p99: number | undefined;
  /** Processor time of the process that does it: of token, or of the verifier's thread. */
  readonly cpuMicros: number | undefined;
}

export interface TokenReport {
  readonly machine: Machine;
  readonly rounds: number;
  readonly rows: readonly Row[];
}

/** Requests under way at once. */
const atOnce = 16;
const client = { tenant: "bench", agent: "finance-agent" };
const child = { tenant: "bench", agent: "helper-agent" };
const exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
const accessToken = "urn:ietf:params:oauth:token-type:access_token";

/**
 * What tokens cost: issuing and delegating at the running service (an assertion spent, the grant and its event committed), verifying in
 * process, and finding a token that was verified before.
 */
export async function benchToken({ rounds, seconds, progress }: BenchOptions): Promise<TokenReport> {
  await using fabric = await startFabric();
  const { endpoints, directory, run } = fabric;
  await run(
    "agent",
    "register",
    "--agent",
    child.agent,
    "--owner",
    "b@aegis.test",
    "--scope",
    "stripe-payments:*",
    "--may-act",
    client.agent,
  );
  const url = endpoints.token.http;
  const { pid } = (await run<{ token: { pid: number } }>("status")).token;
  const keyOf = async (agent: string) => JSON.parse(await readFile(join(directory, "agents", client.tenant, `${agent}.jwk`), "utf8"));
  const keys = { [client.agent]: await keyOf(client.agent), [child.agent]: await keyOf(child.agent) };
  const formFor = async (who: typeof client, grant: Record<string, string>) => ({
    ...grant,
    client_id: clientId(who),
    client_assertion_type: assertionType,
    client_assertion: await signClientAssertion({ privateJwk: keys[who.agent], client: who, audience: url }),
  });
  const ask = async (form: Record<string, string>): Promise<string> => {
    const answer = await fetch(`${url}/oauth/token`, { method: "POST", body: new URLSearchParams(form) });
    const body = (await answer.json()) as { access_token?: string };
    if (body.access_token === undefined) throw new Error(JSON.stringify(body));
    return body.access_token;
  };
  const own = () => formFor(client, { grant_type: "client_credentials" });

  /** Requests with assertions that were signed before the clock runs. */
  const issuing = async (what: string, form: () => Promise<Record<string, string>>): Promise<Row> => {
    const ready = await Promise.all(Array.from({ length: Math.ceil(seconds * 1_500) }, form));
    const times: number[] = [];
    const before = cpuMicros(pid);
    const started = performance.now();
    const lane = async () => {
      for (let next = ready.pop(); next !== undefined && performance.now() - started < seconds * 1_000; next = ready.pop()) {
        const asked = performance.now();
        await ask(next);
        times.push(performance.now() - asked);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, lane));
    const took = performance.now() - started;
    const after = cpuMicros(pid);
    times.sort((a, b) => a - b);
    return {
      what,
      perSecond: (times.length / took) * 1_000,
      p50: times[Math.floor(times.length * 0.5)],
      p99: times[Math.floor(times.length * 0.99)],
      cpuMicros: before === undefined || after === undefined ? undefined : (after - before) / times.length,
    };
  };

  const measured: Row[][] = [];
  for (let round = 1; round <= rounds; round++) {
    const parent = await ask(await own());
    const delegate = { grant_type: exchange, subject_token: parent, subject_token_type: accessToken };
    const tokens = await Promise.all(Array.from({ length: 64 }, async () => ask(await own())));
    const rows = [
      await issuing("issue (client_credentials)", own),
      await issuing("delegate (token exchange)", () => formFor(child, delegate)),
      await verifying("verify, Ed25519", { issuer: url, tokens, cached: false, milliseconds: seconds * 1_000 }),
      await verifying("find verified before", { issuer: url, tokens, cached: true, milliseconds: seconds * 200 }),
    ];
    measured.push(rows);
    progress(`round ${round}/${rounds}: ${rows.map(({ what, perSecond }) => `${what} ${Math.round(perSecond)}/s`).join(", ")}`);
  }
  const rows = (measured[0] ?? []).map(({ what }, index) => {
    const middle = (member: "perSecond" | "p50" | "p99" | "cpuMicros") => {
      const values = measured.flatMap((round) => round[index]?.[member] ?? []);
      return values.length === 0 ? undefined : median(values);
    };
    return { what, perSecond: middle("perSecond") ?? Number.NaN, p50: middle("p50"), p99: middle("p99"), cpuMicros: middle("cpuMicros") };
  });
  return { machine: machine(), rounds, rows };
}

async function verifying(
  what: string,
  { issuer, tokens, cached, milliseconds }: { issuer: string; tokens: readonly string[]; cached: boolean; milliseconds: number },
): Promise<Row> {
  const verifier = agentTokenVerifier({ issuer, jwks: `${issuer}/.well-known/jwks.json`, ...(cached ? {} : { cacheSize: 1 }) });
  for (const token of tokens) if (!(await verifier.verify(token)).ok) throw new Error("a token does not verify");
  if (cached) {
    const micros = spin(() => {
      for (const token of tokens) if (verifier.cached(token)?.ok !== true) throw new Error("a token was forgotten");
      return tokens.length;
    }, milliseconds);
    return { what, perSecond: 1e6 / micros, p50: undefined, p99: undefined, cpuMicros: micros };
  }
  const started = performance.now();
  const before = process.cpuUsage();
  let count = 0;
  while (performance.now() - started < milliseconds) {
    const results = await Promise.all(tokens.map((token) => verifier.verify(token)));
    if (!results.every(({ ok }) => ok)) throw new Error("a token does not verify");
    count += results.length;
  }
  const { user, system } = process.cpuUsage(before);
  const took = performance.now() - started;
  return { what, perSecond: (count / took) * 1_000, p50: undefined, p99: undefined, cpuMicros: (user + system) / count };
}
