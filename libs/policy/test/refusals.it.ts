import { gunzipSync, gzipSync } from "node:zlib";
import { CompactSign, exportSPKI, generateKeyPair, importJWK } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readBundle, writeBundle } from "../src/bundle/bundle.ts";
import { packFiles, unpackFiles } from "../src/bundle/tarball.ts";
import { OpaServers, opa } from "./opa-server.ts";
import { decisionVectors } from "./vectors.ts";

type Change = (files: Map<string, Uint8Array>) => void | Promise<void>;

let servers: OpaServers;
let genuine: Uint8Array;

beforeAll(async () => {
  servers = await OpaServers.create();
  const [{ policies }] = decisionVectors() as [ReturnType<typeof decisionVectors>[number]];
  genuine = (await writeBundle({ tenant: "acme", revision: 7, policies, sign: servers.sign })).tarball;
});
afterAll(() => servers?.close());

const flip =
  (name: string): Change =>
  (files) => {
    const bytes = Uint8Array.from(files.get(name)!);
    bytes[bytes.length >> 1]! ^= 1;
    files.set(name, bytes);
  };

const tokenIn = (files: ReadonlyMap<string, Uint8Array>): string =>
  (JSON.parse(Buffer.from(files.get(".signatures.json")!).toString()) as { signatures: [string] }).signatures[0];
const sign = (files: Map<string, Uint8Array>, ...signatures: string[]) =>
  void files.set(".signatures.json", Buffer.from(JSON.stringify({ signatures })));

async function altered(change: Change): Promise<Uint8Array> {
  const files = new Map(await unpackFiles(genuine));
  await change(files);
  return packFiles(files);
}

/** What both must refuse. */
const forgeries: Readonly<Record<string, () => Uint8Array | Promise<Uint8Array>>> = {
  "a flipped bit in .manifest": () => altered(flip(".manifest")),
  "a flipped bit in .signatures.json": () => altered(flip(".signatures.json")),
  "a flipped bit in aegis/data.json": () => altered(flip("aegis/data.json")),
  "a flipped bit in aegis/decision.rego": () => altered(flip("aegis/decision.rego")),
  "a flipped bit of the packed bytes": () => Uint8Array.from(genuine, (byte, at) => (at === genuine.length >> 1 ? byte ^ 1 : byte)),
  "no .signatures.json": () => altered((files) => void files.delete(".signatures.json")),
  "two signatures": () => altered((files) => sign(files, tokenIn(files), tokenIn(files))),
  "a file that is not listed": () => altered((files) => void files.set("aegis/more.json", Buffer.from("{}"))),
  "a listed file that is missing": () => altered((files) => void files.delete("aegis/decision.rego")),
  "another key's signature": async () => {
    const stranger = await OpaServers.create();
    const [{ policies }] = decisionVectors() as [ReturnType<typeof decisionVectors>[number]];
    const { tarball } = await writeBundle({ tenant: "acme", revision: 7, policies, sign: stranger.sign });
    stranger.close();
    return tarball;
  },
  "an EdDSA signature": () =>
    altered(async (files) => {
      const { privateKey } = await generateKeyPair("EdDSA");
      const payload = Buffer.from(tokenIn(files).split(".")[1]!, "base64url");
      sign(files, await new CompactSign(payload).setProtectedHeader({ alg: "EdDSA", typ: "JWT", kid: "bundle-1" }).sign(privateKey));
    }),
  "a signature by HMAC with the public key": () =>
    altered(async (files) => {
      const { d: _, ...known } = servers.sign.key;
      const pem = Buffer.from(await exportSPKI((await importJWK(known, "ES256")) as Parameters<typeof exportSPKI>[0]));
      const payload = Buffer.from(tokenIn(files).split(".")[1]!, "base64url");
      sign(files, await new CompactSign(payload).setProtectedHeader({ alg: "HS256", typ: "JWT", kid: "bundle-1" }).sign(pem));
    }),
  "its packed bytes cut off": () => genuine.subarray(0, genuine.length >> 1),
  "its files cut off": () => gzipSync(gunzipSync(genuine).subarray(0, -3_000)),
  "no algorithm": () =>
    altered((files) => {
      const header = Buffer.from(JSON.stringify({ alg: "none", typ: "JWT", kid: "bundle-1" })).toString("base64url");
      sign(files, `${header}.${tokenIn(files).split(".")[1]}.`);
    }),
  "no tar at all": () => gzipSync(Buffer.from("no tar")),
};

test.each(Object.entries(forgeries))("a bundle with %s is not opened", async (_, forge) => {
  await expect(readBundle(await forge(), { keys: servers.keys, tenant: "acme" })).rejects.toMatchObject({ code: "unprocessable" });
});

describe.skipIf(opa === undefined)("OPA, with verification on (set AEGIS_OPA, or put opa on PATH or in .aegis/tools)", () => {
  test("loads the genuine bundle", async () => {
    const server = await servers.start(genuine);
    expect(await server.decide({})).toMatchObject({ decision: "deny" });
    server.stop();
  });

  test.each(Object.entries(forgeries))("does not load a bundle with %s", async (_, forge) => {
    await expect(servers.start(await forge())).rejects.toThrow(/opa ended/);
  });
});
