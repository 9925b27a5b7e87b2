import { gzipSync } from "node:zlib";
import { CompactSign, exportJWK, generateKeyPair, type JSONWebKeySet } from "jose";
import { beforeAll, describe, expect, test } from "vitest";
import { documentText } from "../../test/vectors.ts";
import { compile } from "../language/compile.ts";
import { type BundleSigner, type Head, objectName, readBundle, resignBundle, signHead, verifyHead, writeBundle } from "./bundle.ts";
import { packFiles, unpackFiles } from "./tarball.ts";

let sign: BundleSigner;
let keys: JSONWebKeySet;
let stranger: BundleSigner;

async function newSigner(): Promise<BundleSigner> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  return { key: { ...(await exportJWK(privateKey)), kid: "bundle-1" } };
}

beforeAll(async () => {
  [sign, stranger] = [await newSigner(), await newSigner()];
  const { d: _, ...publicKey } = sign.key;
  keys = { keys: [publicKey] };
});

function policies() {
  const result = compile([{ name: "f.yaml", text: documentText("finance-agent.yaml") }], { tenant: "acme" });
  if (!result.ok) throw new Error("does not compile");
  return result.policies;
}

const bundle = (revision = 7, by = sign) => writeBundle({ tenant: "acme", revision, policies: policies(), sign: by });

async function altered(change: (files: Map<string, Uint8Array>) => void): Promise<Uint8Array> {
  const files = new Map(await unpackFiles((await bundle()).tarball));
  change(files);
  return packFiles(files);
}

const refused = (tarball: Uint8Array, tenant = "acme") =>
  readBundle(tarball, { keys, tenant }).then(
    () => "accepted",
    (caught: { code: string; message: string }) => `${caught.code} ${caught.message}`,
  );

describe("a bundle", () => {
  test("comes back as it was written, under the digest that was promised", async () => {
    const { tarball, digest, version } = await bundle();
    expect(await readBundle(tarball, { keys, tenant: "acme" })).toEqual({
      tenant: "acme",
      revision: 7,
      version,
      digest,
      policies: policies(),
    });
    expect(objectName("acme", 7, digest)).toBe(`acme/7-${digest.slice(7)}`);
    expect(version).toBe(`7-${digest.slice(7, 19)}`);
  });

  test("has the same digest whoever signs it and whenever, and another for another revision", async () => {
    const [first, again, other, next] = [await bundle(), await bundle(), await bundle(7, stranger), await bundle(8)];
    expect([again.digest, other.digest]).toEqual([first.digest, first.digest]);
    expect(next.digest).not.toBe(first.digest);
    const content = async (tarball: Uint8Array) =>
      new Map([...(await unpackFiles(tarball))].filter(([name]) => name !== ".signatures.json"));
    expect(await content(again.tarball)).toEqual(await content(first.tarball));
  });

  test("is refused when it is not signed, or by a key that is not known", async () => {
    expect(await refused(await altered((files) => files.delete(".signatures.json")))).toMatch(/^unprocessable .*not signed/);
    expect(await refused((await bundle(7, stranger)).tarball)).toMatch(/signature does not verify/);
    const none = Buffer.from(JSON.stringify({ signatures: ["eyJhbGciOiJub25lIn0.e30."] }));
    expect(await refused(await altered((files) => files.set(".signatures.json", none)))).toMatch(/signature does not verify/);
  });

  test("is refused when a file was changed, added, removed or swapped", async () => {
    const edit = (name: string, from: string, to: string) => (files: Map<string, Uint8Array>) => {
      const before = Buffer.from(files.get(name)!).toString();
      expect(before).toContain(from);
      files.set(name, Buffer.from(before.replace(from, to)));
    };
    expect(await refused(await altered(edit("aegis/data.json", "5000", "9000")))).toMatch(/aegis\/data.json was altered/);
    expect(await refused(await altered(edit(".manifest", '"7"', '"8"')))).toMatch(/.manifest was altered/);
    expect(await refused(await altered(edit("aegis/decision.rego", '"deny"', '"allow"')))).toMatch(/decision.rego was altered/);
    expect(await refused(await altered((files) => files.set("aegis/more.json", Buffer.from("{}"))))).toMatch(/not signed/);
    expect(await refused(await altered((files) => files.delete("aegis/decision.rego")))).toMatch(/refused/);
  });

  test("signed again by a new key keeps digest and content; what no known key signed is not signed", async () => {
    const { tarball, digest, version } = await bundle();
    const again = await resignBundle(tarball, { keys, tenant: "acme", sign: stranger });
    expect(await refused(again)).toMatch(/does not verify/);
    const { d: _, ...publicKey } = stranger.key;
    expect(await readBundle(again, { keys: { keys: [publicKey] }, tenant: "acme" })).toMatchObject({
      digest,
      version,
      policies: policies(),
    });
    await expect(resignBundle(again, { keys, tenant: "acme", sign })).rejects.toThrow(/does not verify/);
    await expect(resignBundle(tarball, { keys, tenant: "globex", sign })).rejects.toThrow(/another tenant/);
  });

  test("is refused with two signatures, one of another algorithm, or one spelt in another way", async () => {
    const files = await unpackFiles((await bundle()).tarball);
    const [token] = (JSON.parse(Buffer.from(files.get(".signatures.json")!).toString()) as { signatures: [string] }).signatures;
    const [, payload] = token.split(".");
    const header = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const edDsa = await generateKeyPair("EdDSA", { extractable: true });
    const signedByEdDsa = await new CompactSign(Buffer.from(payload!, "base64url"))
      .setProtectedHeader({ alg: "EdDSA", typ: "JWT", kid: "ed" })
      .sign(edDsa.privateKey);
    const edKey = { ...(await exportJWK(edDsa.publicKey)), kid: "ed" };
    const withTokens = (...signatures: string[]) =>
      altered((files) => files.set(".signatures.json", Buffer.from(JSON.stringify({ signatures }))));
    const outcome = async (tarball: Uint8Array) =>
      readBundle(tarball, { keys: { keys: [...keys.keys, edKey] }, tenant: "acme" }).then(
        () => "accepted",
        (caught: Error) => caught.message,
      );
    expect(await outcome(await withTokens(token))).toBe("accepted");
    expect(await outcome(await withTokens(token, token))).toMatch(/not signed/);
    expect(await outcome(await withTokens(signedByEdDsa))).toMatch(/does not verify/);
    expect(await outcome(await withTokens(`${header({ alg: "none", typ: "JWT" })}.${payload}.`))).toMatch(/does not verify/);
    expect(await outcome(await withTokens(`${header({ alg: "HS256", typ: "JWT", kid: "bundle-1" })}.${payload}.AAAA`))).toMatch(
      /does not verify/,
    );
    expect(await outcome(await withTokens(`${token}=`))).toMatch(/misspelt/);
  });

  test("is refused as another tenant's", async () => {
    expect(await refused((await bundle()).tarball, "globex")).toMatch(/another tenant/);
    await expect(writeBundle({ tenant: "globex", revision: 1, policies: policies(), sign })).rejects.toThrow(/those of acme/);
  });

  test("is refused when it is no tarball, or one made to burst", async () => {
    expect(await refused(Buffer.from("hello"))).toMatch(/no gzip stream/);
    expect(await refused(gzipSync(Buffer.from("hello".repeat(500))))).toMatch(/unprocessable/);
    expect(await refused(gzipSync(Buffer.alloc(80 * 1024 * 1024)))).toMatch(/unpacks to over/);
    expect(await refused(await packFiles(new Map([["../x", Buffer.from("x")]])))).toMatch(/odd name/);
    const { tarball } = await bundle();
    for (let at = 0; at < tarball.length; at += 97) {
      const damaged = Uint8Array.from(tarball);
      damaged[at]! ^= 0x40;
      const content = await readBundle(damaged, { keys, tenant: "acme" }).catch((caught: { code: string }) => caught.code);
      // The gzip header's time and system are in no one's way; all else must be refused.
      if (typeof content === "object") expect(content.policies).toEqual(policies());
      else expect(content).toBe("unprocessable");
    }
  });
});

describe("a head", () => {
  const head: Head = {
    tenant: "acme",
    revision: 7,
    version: "7-0",
    digest: `sha256:${"0".repeat(64)}`,
    object: "acme/7-0",
    issued: 1,
    expires: 2,
  };

  test("comes back as it was signed", async () => {
    expect(await verifyHead(await signHead(head, sign), { keys, tenant: "acme" })).toEqual(head);
  });

  test("is refused from a stranger, for another tenant, changed, or made of a bundle's signature", async () => {
    const refusal = (jws: string, tenant = "acme") =>
      expect(verifyHead(jws, { keys, tenant })).rejects.toThrow(/the (bundle|head) is refused/);
    await refusal(await signHead(head, stranger));
    const jws = await signHead(head, sign);
    await refusal(jws, "globex");
    await refusal(`${jws.slice(0, -4)}AAAA`);
    const files = await unpackFiles((await bundle()).tarball);
    await refusal((JSON.parse(Buffer.from(files.get(".signatures.json")!).toString()) as { signatures: [string] }).signatures[0]);
    await refusal("x");
  });
});
