import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { mutations, type Random, seeded } from "../../test/mutate.ts";
import { prepare } from "../engine/snapshot.ts";
import { compile, type PolicyFile } from "./compile.ts";
import { type Fault, faultCodes, warningCodes } from "./fault.ts";

const root = join(import.meta.dirname, "../../../..");
const text = (path: string): string => readFileSync(join(root, path), "utf8");

/** How many files, and from which seed: a failure prints both for another run. */
const runs = Number(process.env.AEGIS_FUZZ ?? 400);
const seed = Number(process.env.AEGIS_FUZZ_SEED ?? 1);

/** Valid and broken documents to start from. */
function corpus(): string[] {
  const shown = ["README.md", "docs/reference/policy.md"].flatMap((path) =>
    [...text(path).matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? ""),
  );
  const whole = ["finance-agent.yaml", "agentic-governance.yaml"].map((name) => text(`vectors/policy/documents/${name}`));
  const vectors = ["faults", "warnings"].flatMap((directory) =>
    readdirSync(join(root, "vectors/policy", directory)).flatMap((name) => {
      const { cases } = parse(text(`vectors/policy/${directory}/${name}`)) as { cases: { files: PolicyFile[] }[] };
      return cases.flatMap(({ files }) => files.map((file) => file.text));
    }),
  );
  return [...shown, ...whole, ...vectors].filter((each) => each.length < 20_000);
}

/** Everything a fault promises of itself. */
function check(found: readonly Fault<string>[], codes: object, source: string): void {
  const lines = source.split("\n");
  for (const { file, line, column, code, message, hint } of found) {
    expect(Object.hasOwn(codes, code), code).toBe(true);
    expect(file).toBe("f.yaml");
    expect(line).toBeGreaterThanOrEqual(1);
    expect(line).toBeLessThanOrEqual(lines.length);
    expect(column).toBeGreaterThanOrEqual(1);
    expect(column).toBeLessThanOrEqual((lines[line - 1] ?? "").length + 1);
    expect(message).not.toBe("");
    expect(hint).not.toBe("");
  }
}

function compiled(source: string): boolean {
  const result = compile([{ name: "f.yaml", text: source }], { tenant: "acme" });
  check(result.warnings, warningCodes, source);
  if (!result.ok) {
    expect(result.faults.length).toBeGreaterThan(0);
    check(result.faults, faultCodes, source);
    return false;
  }
  const { policies } = result;
  expect(JSON.parse(JSON.stringify(policies))).toEqual(policies);
  prepare({ tenant: "acme", revision: 1, version: "1-0", digest: "sha256:0", policies });
  return true;
}

test("whatever happens to a file, it is compiled or refused at places that exist", { timeout: 3_600_000 }, () => {
  const texts = corpus();
  let [accepted, slowest] = [0, 0];
  for (let run = 0; run < runs; run++) {
    const random: Random = seeded(seed * 1_000_003 + run);
    const source = mutations(texts, random);
    const before = process.cpuUsage();
    try {
      if (compiled(source)) accepted++;
    } catch (cause) {
      throw new Error(`seed ${seed}, file ${run}: ${JSON.stringify(source.slice(0, 2000))}`, { cause });
    }
    const { user, system } = process.cpuUsage(before);
    slowest = Math.max(slowest, (user + system) / 1000);
  }
  if (process.env.AEGIS_FUZZ !== undefined)
    console.log(`${runs} files, ${accepted} accepted, the slowest ${Math.round(slowest)} ms of processor time`);
  expect(accepted).toBeLessThan(runs);
});
