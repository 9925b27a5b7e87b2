import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { JsonValue } from "@aegis/canonical/ijson";
import type { Reason } from "@aegis/contracts/reasons";
import fc from "fast-check";
import { exportJWK, exportSPKI, generateKeyPair } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BundleSigner, readBundle, writeBundle } from "../src/bundle/bundle.ts";
import { packFiles, unpackFiles } from "../src/bundle/tarball.ts";
import { prepare } from "../src/engine/snapshot.ts";
import type { EvaluationInput, Verdict } from "../src/input.ts";
import type { PolicySet } from "../src/ir.ts";
import { decisionVectors } from "./vectors.ts";

const opa = findOpa();
const directory = mkdtempSync(join(tmpdir(), "aegis-opa-"));
const running = new Set<ChildProcess>();
let sign: BundleSigner;
let publicPem: string;

beforeAll(async () => {
  const pair = await generateKeyPair("ES256", { extractable: true });
  sign = { key: { ...(await exportJWK(pair.privateKey)), kid: "bundle-1" } };
  publicPem = join(directory, "public.pem");
  writeFileSync(publicPem, await exportSPKI(pair.publicKey));
});

afterAll(() => {
  for (const child of running) child.kill("SIGKILL");
  rmSync(directory, { recursive: true, force: true });
});

describe.skipIf(opa === undefined)("OPA, with verification on (set AEGIS_OPA, or put opa on PATH or in .aegis/tools)", () => {
  for (const { name, policies, cases } of decisionVectors()) {
    test(`answers ${name} as the native engine does`, async () => {
      const tarball = await bundleOf(policies);
      const snapshot = prepare(await readBundle(tarball, { keys: { keys: [publicKey()] }, tenant: "acme" }));
      const server = await startOpa(tarball);
      for (const { name: title, input } of cases) expect(await server.decide(input), title).toEqual(toldAll(snapshot.evaluate(input)));
      server.stop();
    });
  }

  test("answers calls that nobody thought of as the native engine does", async () => {
    for (const { name, policies, cases } of decisionVectors()) {
      const snapshot = prepare(await readBundle(await bundleOf(policies), { keys: { keys: [publicKey()] }, tenant: "acme" }));
      const server = await startOpa(await bundleOf(policies));
      await fc.assert(
        fc.asyncProperty(mutated(cases.map(({ input }) => input)), async (input) => {
          // Both read the same JSON text: what it cannot spell (-0, undefined) is no difference between engines.
          const sent = JSON.parse(JSON.stringify(input)) as EvaluationInput;
          expect(await server.decide(sent), name).toEqual(toldAll(snapshot.evaluate(sent)));
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
    await expect(startOpa(await packFiles(files))).rejects.toThrow(/digest mismatch/);
    await expect(startOpa(tarball, [])).rejects.toThrow(/verification key not provided/);
  });

  test("denies what is no call", async () => {
    const server = await startOpa(await bundleOf(decisionVectors()[0]!.policies));
    for (const input of [{}, null, { principal: { tenant: "acme" } }, { principal: { tenant: "acme", agent: "finance-agent" }, tool: 7 }]) {
      expect(await server.decide(input)).toMatchObject({ decision: "deny" });
    }
    server.stop();
  });
});

/** Messages are for people and stay with the native engine. */
const told = ({ message: _, ...reason }: Reason) => reason;

const toldAll = ({ decision, reasons, shadow, redactions }: Verdict) => ({
  decision,
  reasons: reasons.map(told),
  redactions: redactions.map(({ finding, action }) => ({ ...finding, action })),
  ...(shadow && { shadow: { decision: shadow.decision, reasons: shadow.reasons.map(told) } }),
});

function publicKey() {
  const { d: _, ...key } = sign.key;
  return key;
}

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
  (await writeBundle({ tenant: "acme", revision: 1, policies, sign })).tarball;

async function startOpa(
  tarball: Uint8Array,
  verification = ["--verification-key", publicPem, "--verification-key-id", "bundle-1", "--signing-alg", "ES256"],
): Promise<{ decide(input: unknown): Promise<unknown>; stop(): void }> {
  const bundle = join(mkdtempSync(join(directory, "bundle-")), "bundle.tar.gz");
  writeFileSync(bundle, tarball);
  const address = `127.0.0.1:${await freePort()}`;
  const child = spawn(opa!, ["run", "-s", "-b", bundle, ...verification, "--addr", address, "--log-level", "error"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
  }
  const exited = new Promise<never>((_, reject) => {
    child.once("close", () => {
      running.delete(child);
      reject(new Error(`opa ended: ${said}`));
    });
  });
  exited.catch(() => {});
  await Promise.race([exited, ready(`http://${address}/health?bundles`)]);
  return {
    decide: async (input) => {
      const response = await fetch(`http://${address}/v1/data/aegis/decision`, { method: "POST", body: JSON.stringify({ input }) });
      return ((await response.json()) as { result?: unknown }).result;
    },
    stop: () => void child.kill(),
  };
}

async function ready(url: string): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (Date.now() < deadline) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("opa is not ready");
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

function findOpa(): string | undefined {
  const onPath = (process.env.PATH ?? "").split(delimiter).map((each) => join(each, "opa"));
  const own = fileURLToPath(new URL("../../../.aegis/tools/opa", import.meta.url));
  return [process.env.AEGIS_OPA, ...onPath, own].find((each) => each !== undefined && existsSync(each));
}
