import type { JsonValue } from "@aegis/canonical/ijson";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readBundle, writeBundle } from "../src/bundle/bundle.ts";
import { packFiles, unpackFiles } from "../src/bundle/tarball.ts";
import { prepare } from "../src/engine/snapshot.ts";
import type { EvaluationInput, Verdict } from "../src/input.ts";
import type { PolicySet } from "../src/ir.ts";
import { OpaServers, opa } from "./opa-server.ts";
import { told } from "./parity/compared.ts";
import { decisionVectors } from "./vectors.ts";

let servers: OpaServers;

beforeAll(async () => {
  servers = await OpaServers.create();
});

afterAll(() => servers.close());

describe.skipIf(opa === undefined)("OPA, with verification on (set AEGIS_OPA, or put opa on PATH or in .aegis/tools)", () => {
  for (const { name, policies, cases } of decisionVectors()) {
    test(`answers ${name} as the native engine does`, async () => {
      const tarball = await bundleOf(policies);
      const snapshot = prepare(await readBundle(tarball, { keys: servers.keys, tenant: "acme" }));
      const server = await servers.start(tarball);
      for (const { name: title, input, sent } of cases) {
        const verdict = snapshot.evaluate(input);
        if (!aboutMoney(verdict)) expect(await server.decideText(sent), title).toEqual(told(verdict));
      }
      server.stop();
    });
  }

  test("answers calls that nobody thought of as the native engine does", async () => {
    for (const { name, policies, cases } of decisionVectors()) {
      const snapshot = prepare(await readBundle(await bundleOf(policies), { keys: servers.keys, tenant: "acme" }));
      const server = await servers.start(await bundleOf(policies));
      await fc.assert(
        fc.asyncProperty(mutated(cases.map(({ input }) => input)), async (input) => {
          // Both read the same JSON text: what it cannot spell (-0, undefined) is no difference between engines.
          const sent = JSON.parse(JSON.stringify(input)) as EvaluationInput;
          const verdict = snapshot.evaluate(sent);
          if (aboutMoney(verdict)) return;
          expect(await server.decide(sent), name).toEqual(told(verdict));
        }),
        { numRuns: 40 },
      );
      server.stop();
    }
  });

  test("refuses an altered bundle, and one it has no key for", async () => {
    const tarball = await bundleOf(decisionVectors()[0]!.policies);
    const files = new Map(await unpackFiles(tarball));
    files.set(
      "aegis/data.json",
      Buffer.from(Buffer.from(files.get("aegis/data.json")!).toString().replace("5000", "9000").replace('"acme"', '"evil"')),
    );
    await expect(servers.start(await packFiles(files))).rejects.toThrow(/digest mismatch/);
    await expect(servers.start(tarball, [])).rejects.toThrow(/verification key not provided/);
  });

  test("denies what is no call", async () => {
    const server = await servers.start(await bundleOf(decisionVectors()[0]!.policies));
    for (const input of [{}, null, { principal: { tenant: "acme" } }, { principal: { tenant: "acme", agent: "finance-agent" }, tool: 7 }]) {
      expect(await server.decide(input)).toMatchObject({ decision: "deny" });
    }
    for (const number of ["1e400", "-1e999999999", "1e-400", "9007199254740993"]) {
      const call = decisionVectors()[0]!.cases[0]!.sent.replace(/\}$/, `,"more":${number}}`);
      expect(await server.decideText(call), number).toEqual({ decision: "deny", reasons: [{ code: "internal" }], redactions: [] });
    }
    server.stop();
  });
});

/** Calls that mix what the vectors' calls are made of, and some of it changed. */
function mutated(inputs: readonly EvaluationInput[]): fc.Arbitrary<EvaluationInput> {
  const one = fc.constantFrom(...inputs);
  const values = inputs.flatMap((input) => Object.entries(input.arguments));
  const names = fc.constantFrom("extra", "a/b~c", "ä", "😀", ...values.map(([name]) => name));
  const value = fc.oneof(fc.constantFrom(0, "x", ...values.map(([, each]) => each)), fc.jsonValue({ maxDepth: 2 }));
  const args = fc.dictionary(names, value as fc.Arbitrary<JsonValue>, { maxKeys: 4 });
  const parts = fc.tuple(one, one, one, one, one, fc.option(args, { nil: undefined }));
  return parts.map(([base, called, sent, found, from, changed]) => ({
    ...base,
    principal: { ...from.principal, scope: called.principal.scope },
    tool: called.tool,
    action: called.action,
    arguments: changed ?? sent.arguments,
    destination: sent.destination,
    findings: found.findings,
  }));
}

const bundleOf = async (policies: PolicySet): Promise<Uint8Array> =>
  (await writeBundle({ tenant: "acme", revision: 1, policies, sign: servers.sign })).tarball;

/** Money is state, and stays with the native engine. */
const aboutMoney = ({ reasons, shadow }: Verdict): boolean =>
  [...reasons, ...(shadow?.reasons ?? [])].some(({ code }) => code === "budget_exhausted");
