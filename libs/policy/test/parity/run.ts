import { readBundle, writeBundle } from "../../src/bundle/bundle.ts";
import { prepare, type Snapshot } from "../../src/engine/snapshot.ts";
import type { EvaluationInput, Verdict } from "../../src/input.ts";
import type { PolicySet } from "../../src/ir.ts";
import { compile, type PolicyFile } from "../../src/language/compile.ts";
import type { OpaServers } from "../opa-server.ts";
import { agrees } from "./compared.ts";
import { Coverage } from "./coverage.ts";
import { groundRules, policiesOf } from "./policies.ts";
import { Random } from "./random.ts";
import { callOf } from "./requests.ts";
import { spellings } from "./values.ts";

export interface Difference {
  readonly seed: number;
  readonly policies: PolicySet;
  readonly input: EvaluationInput;
  readonly native: Verdict;
  readonly opa: unknown;
}

export interface ParityReport {
  readonly pairs: number;
  readonly bundles: number;
  /** Generated documents that the compiler did not take; their rules are in no pair. */
  readonly refused: number;
  readonly documents: number;
  readonly seconds: number;
  readonly coverage: Coverage;
  readonly differences: readonly Difference[];
}

export interface ParityOptions {
  readonly servers: OpaServers;
  readonly pairs: number;
  readonly seed: number;
  /** Stops at so many differences. */
  readonly most?: number;
  /** Alters what OPA loads: a run must notice. */
  readonly sabotage?: (tarball: Uint8Array) => Promise<Uint8Array>;
}

const groupsPerBundle = 8;
const callsPerGroup = 64;

/** Decides generated calls by generated policies, natively and by an OPA that verified the published bundle, until there are enough. */
export async function runParity({ servers, pairs, seed, most = 3, sabotage }: ParityOptions): Promise<ParityReport> {
  const started = performance.now();
  const coverage = new Coverage();
  const differences: Difference[] = [];
  let [done, bundles, refused, documents] = [0, 0, 0, 0];
  for (let at = 0; done < pairs && differences.length < most; at++) {
    const random = new Random(seed + at);
    const generated = policySetOf(random);
    refused += generated.refused;
    documents += generated.documents;
    const { tarball } = await writeBundle({ tenant: "acme", revision: at + 1, policies: generated.policies, sign: servers.sign });
    const snapshot = prepare(await readBundle(tarball, { keys: servers.keys, tenant: "acme" }));
    const opa = await servers.start(sabotage ? await sabotage(tarball) : tarball);
    bundles++;
    for (const group of generated.groups) {
      const calls = Array.from({ length: Math.min(callsPerGroup, pairs - done) }, () => callOf(random, group, generated.policies));
      if (calls.length === 0 || differences.length >= most) break;
      // Both read the same JSON text.
      const sent = respelled(random, JSON.stringify(calls));
      const inputs = JSON.parse(sent) as EvaluationInput[];
      const answers = await opa.decideAll(sent);
      if (answers.length !== inputs.length) throw new Error(`opa answers ${answers.length} of ${inputs.length} calls`);
      for (const [index, input] of inputs.entries()) {
        const native = decided(snapshot, input);
        coverage.see(generated.policies, input, native);
        if (differences.length < most && !agrees(native, answers[index]))
          differences.push({ seed: seed + at, policies: generated.policies, input, native, opa: answers[index] });
      }
      done += inputs.length;
    }
    opa.stop();
  }
  return { pairs: done, bundles, refused, documents, seconds: (performance.now() - started) / 1000, coverage, differences };
}

function decided(snapshot: Snapshot, input: EvaluationInput): Verdict {
  try {
    return snapshot.evaluate(input);
  } catch (cause) {
    throw new Error(`the native engine throws on ${JSON.stringify(input)}`, { cause });
  }
}

/** A tenant's set of many groups' policies. A document that the compiler refuses is left out, and counted. */
function policySetOf(random: Random): { policies: PolicySet; groups: string[]; refused: number; documents: number } {
  const groups = Array.from({ length: groupsPerBundle }, (_, at) => `g${at}`);
  let files: PolicyFile[] = [...groundRules(random), ...groups.flatMap((group) => policiesOf(random, group))];
  const documents = files.length;
  for (;;) {
    const compiled = compile(files, { tenant: "acme" });
    if (compiled.ok) return { policies: compiled.policies, groups, refused: documents - files.length, documents };
    const faulty = new Set(compiled.faults.map(({ file }) => file));
    const left = files.filter(({ name }) => !faulty.has(name));
    if (left.length === files.length) throw new Error(`faults in no file: ${JSON.stringify(compiled.faults)}`);
    if (process.env.AEGIS_PARITY_FAULTS) for (const each of compiled.faults) console.log(each.code, each.message, each.hint);
    files = left;
  }
}

/** Writes some numbers of a JSON text in another of their spellings. */
function respelled(random: Random, json: string): string {
  return json.replace(/(?<=[:[,])(?:0|1|100|5000)(?=[,}\]])/g, (number) => {
    if (!random.chance(0.1)) return number;
    const same = spellings.filter((spelling) => Number(spelling) === Number(number));
    return same.length === 0 ? number : random.pick(same);
  });
}
