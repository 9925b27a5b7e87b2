import { readBundle, writeBundle } from "../../src/bundle/bundle.ts";
import { prepare } from "../../src/engine/snapshot.ts";
import type { PolicySet } from "../../src/ir.ts";
import { compile, type PolicyFile } from "../../src/language/compile.ts";
import type { OpaServers } from "../opa-server.ts";
import { agrees, decided } from "./compared.ts";
import { Coverage } from "./coverage.ts";
import { groundRules, policiesOf } from "./policies.ts";
import { Random } from "./random.ts";
import { callOf } from "./requests.ts";
import { respelled } from "./spelling.ts";

export interface Difference {
  readonly seed: number;
  readonly policies: PolicySet;
  /** The call as it was sent. */
  readonly sent: string;
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
    const generated = policySetOf(random, at);
    refused += generated.refused;
    documents += generated.documents;
    const { tarball } = await writeBundle({ tenant: "acme", revision: at + 1, policies: generated.policies, sign: servers.sign });
    const snapshot = prepare(await readBundle(tarball, { keys: servers.keys, tenant: "acme" }));
    const opa = await servers.start(sabotage ? await sabotage(tarball) : tarball);
    bundles++;
    for (const group of generated.groups) {
      const calls = Array.from({ length: Math.min(callsPerGroup, pairs - done) }, () => callOf(random, group, generated.policies));
      if (calls.length === 0 || differences.length >= most) break;
      // Both read the same JSON texts.
      const sent = calls.map((call) => respelled(random, JSON.stringify(call), 0.004));
      const answers = await opa.decideAll(`[${sent.join(",")}]`);
      if (answers.length !== sent.length) throw new Error(`opa answers ${answers.length} of ${sent.length} calls`);
      for (const [index, text] of sent.entries()) {
        const native = decided(snapshot, text);
        coverage.see(generated.policies, text, native);
        if (differences.length < most && !agrees(native, answers[index]))
          differences.push({ seed: seed + at, policies: generated.policies, sent: text, opa: answers[index] });
      }
      done += sent.length;
    }
    opa.stop();
  }
  return { pairs: done, bundles, refused, documents, seconds: (performance.now() - started) / 1000, coverage, differences };
}

/** The run's next bundle: a tenant's set of many groups' policies. A document that the compiler refuses is left out, and counted. */
function policySetOf(random: Random, bundle: number): { policies: PolicySet; groups: string[]; refused: number; documents: number } {
  const groups = Array.from({ length: groupsPerBundle }, (_, at) => `g${at}`);
  let files: PolicyFile[] = [
    ...groundRules(random),
    ...groups.flatMap((group, at) => policiesOf(random, group, bundle * groupsPerBundle + at)),
  ];
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
