import { hash } from "node:crypto";
import { type Digest, digestOf } from "@aegis/canonical/digest";
import { AegisError } from "@aegis/contracts/errors";
import { CompactSign, compactVerify, createLocalJWKSet, importJWK, type JSONWebKeySet, type JWK } from "jose";
import { z } from "zod";
import { agentIndex } from "../engine/agents.ts";
import type { PolicyContent, PolicySet } from "../ir.ts";
import { hashStructured } from "./opa-hash.ts";
import { decisionRego } from "./rego.ts";
import { type Files, packFiles, unpackFiles } from "./tarball.ts";

/** A private ES256 JWK with its `kid`. OPA verifies no EdDSA. */
export interface BundleSigner {
  readonly key: JWK & { readonly kid: string };
}

const signaturesFile = ".signatures.json";
const manifestFile = ".manifest";
const dataFile = "aegis/data.json";
const regoFile = "aegis/decision.rego";
const contentFiles = [manifestFile, dataFile, regoFile] as const;

/**
 * One revision as a gzip tarball that an unmodified OPA loads with verification on, and the digest of its unsigned content.
 * That content is the same bytes for the same input; only the signature differs from one call to the next.
 */
export async function writeBundle(options: {
  readonly tenant: string;
  readonly revision: number;
  readonly policies: PolicySet;
  readonly sign: BundleSigner;
}): Promise<{ tarball: Uint8Array; digest: Digest; version: string }> {
  const { tenant, revision, policies, sign } = options;
  if (policies.tenant !== tenant)
    throw new AegisError("invalid_argument", `the policies are those of ${policies.tenant}, not of ${tenant}`);
  const manifest = { revision: String(revision), rego_version: 1, roots: ["aegis"], metadata: { tenant } };
  const files = new Map<string, Uint8Array>([
    [manifestFile, Buffer.from(JSON.stringify(manifest))],
    [dataFile, Buffer.from(JSON.stringify({ ...policies, index: agentIndex(policies) }))],
    [regoFile, Buffer.from(decisionRego(policies))],
  ]);
  const digest = contentDigest(files);
  files.set(signaturesFile, await signatureOver(files, sign));
  return { tarball: await packFiles(files), digest, version: versionOf(revision, digest) };
}

/**
 * Verifies and opens a bundle. A signature is always required: there is no way to ask for less.
 *
 * @throws AegisError `unprocessable` when it is unsigned, signed by a key not in `keys`, altered, oversized or another tenant's.
 */
export async function readBundle(
  tarball: Uint8Array,
  options: { readonly keys: JSONWebKeySet; readonly tenant: string },
): Promise<PolicyContent> {
  const files = await unpackFiles(tarball);
  const signatures = signaturesShape.safeParse(parse(files.get(signaturesFile)));
  if (!signatures.success) refuse("it is not signed");
  const payload = payloadShape.safeParse(parse(await opened(signatures.data.signatures[0], options.keys)));
  if (!payload.success) refuse("its signature lists no files, or is of a scope");
  verifyFiles(files, payload.data.files);
  const content = new Map([...files].filter(([name]) => name !== signaturesFile));
  const manifest = manifestShape.safeParse(parse(content.get(manifestFile)));
  const data = policySetShape.safeParse(parse(content.get(dataFile)));
  if (!manifest.success || !data.success) refuse("it is not of a format that is known");
  const { tenant } = options;
  if (manifest.data.metadata.tenant !== tenant || data.data.tenant !== tenant) refuse("it is another tenant's");
  const digest = contentDigest(content);
  const revision = Number(manifest.data.revision);
  const { index: _, ...policies } = data.data;
  return { tenant, revision, version: versionOf(revision, digest), digest, policies: policies as unknown as PolicySet };
}

/**
 * The same content signed by another key: its digest and its version stay. What no known key signed is not signed again.
 *
 * @throws AegisError `unprocessable` as `readBundle` does.
 */
export async function resignBundle(
  tarball: Uint8Array,
  options: { readonly keys: JSONWebKeySet; readonly tenant: string; readonly sign: BundleSigner },
): Promise<Uint8Array> {
  await readBundle(tarball, options);
  const files = new Map(await unpackFiles(tarball));
  files.delete(signaturesFile);
  files.set(signaturesFile, await signatureOver(files, options.sign));
  return packFiles(files);
}

/** The name that people and events use for a revision. */
export function versionOf(revision: number, digest: Digest): string {
  return `${revision}-${digest.slice("sha256:".length, "sha256:".length + 12)}`;
}

/** `<tenant>/<revision>-<digest hex>`: a bundle's name in the object store. */
export function objectName(tenant: string, revision: number, digest: Digest): string {
  return `${tenant}/${revision}-${digest.slice("sha256:".length)}`;
}

/** `snapshot_digest`: over the name and SHA-256 of every file but the signatures. */
function contentDigest(files: Files): Digest {
  const listed = [...files].map(([name, bytes]) => ({ name, sha256: hash("sha256", bytes, "hex") }));
  return digestOf(listed.sort((a, b) => (a.name < b.name ? -1 : 1)));
}

async function signatureOver(files: Files, sign: BundleSigner): Promise<Uint8Array> {
  const listed = [...files].map(([name, bytes]) => ({ name, hash: opaHash(name, bytes), algorithm: "SHA-256" }));
  return Buffer.from(JSON.stringify({ signatures: [await sealed(JSON.stringify({ files: listed }), sign)] }));
}

function verifyFiles(files: Files, listed: readonly { name: string; hash: string; algorithm: string }[]): void {
  const expected = new Map(listed.map((file) => [file.name, file]));
  if (expected.size !== listed.length || expected.size !== contentFiles.length) refuse("its signature does not list its files");
  if (files.size !== contentFiles.length + 1) refuse("it holds a file that is not signed");
  for (const name of contentFiles) {
    const bytes = files.get(name);
    const signed = expected.get(name);
    if (bytes === undefined || signed === undefined) refuse(`it lacks ${name}`);
    if (signed.algorithm !== "SHA-256" || opaHash(name, bytes) !== signed.hash) refuse(`${name} was altered`);
  }
}

function opaHash(name: string, bytes: Uint8Array): string {
  if (name === regoFile) return hash("sha256", bytes, "hex");
  const value = parse(bytes);
  return value === undefined ? refuse(`${name} is no JSON`) : hashStructured(value);
}

const signaturesShape = z.object({ signatures: z.tuple([z.string()]) });
/** A signature with a scope is for readers of that scope, and we are none. */
const payloadShape = z.object({
  files: z.array(z.object({ name: z.string(), hash: z.string(), algorithm: z.string() })).max(16),
  scope: z.never().optional(),
});
const manifestShape = z.object({
  revision: z.string().regex(/^[1-9]\d{0,14}$/),
  rego_version: z.literal(1),
  metadata: z.object({ tenant: z.string() }),
});
/** What was signed was compiled, so only what tells formats and tenants apart is looked at. */
const policySetShape = z.looseObject({
  format: z.literal(1),
  tenant: z.string(),
  governance: z.looseObject({ limits: z.array(z.unknown()) }),
  policies: z.array(z.looseObject({ name: z.string() })),
});

const digestShape = z.string().regex(/^sha256:[0-9a-f]{64}$/) as unknown as z.ZodType<Digest>;

/** The small signed record that names a tenant's current revision. Times are seconds since 1970. */
const headShape = z.object({
  tenant: z.string(),
  revision: z.int().min(1),
  version: z.string(),
  digest: digestShape,
  /** Name in the object store `bundles`. */
  object: z.string(),
  issued: z.int(),
  expires: z.int(),
  /** The same instant as `issued`, in milliseconds. */
  issuedMs: z.int().optional(),
  /** SHA-256 of the bundle's tarball, every byte of it. */
  tarball: digestShape.optional(),
  /** Prepare it, say so, and put it into force when told by a head without this, or after so many milliseconds. */
  barrier: z.int().min(1).max(60_000).optional(),
});
export type Head = Readonly<z.infer<typeof headShape>>;

const headType = "aegis-policy-head+jws";

/** A head as a compact JWS (ES256). */
export function signHead(head: Head, sign: BundleSigner): Promise<string> {
  return sealed(JSON.stringify(headShape.parse(head)), sign, headType);
}

/**
 * The head that a compact JWS carries. Expiry is left to the caller, who knows its grace.
 *
 * @throws AegisError `unprocessable` when it is not signed by one of `keys`, or another tenant's.
 */
export async function verifyHead(jws: string, options: { readonly keys: JSONWebKeySet; readonly tenant: string }): Promise<Head> {
  const head = headShape.safeParse(parse(await opened(jws, options.keys, headType)));
  if (!head.success) refuse("its head is not of a form that is known");
  if (head.data.tenant !== options.tenant) refuse("its head is another tenant's");
  return head.data;
}

async function sealed(payload: string, { key }: BundleSigner, type = "JWT"): Promise<string> {
  const header = { alg: "ES256", typ: type, kid: key.kid };
  return new CompactSign(Buffer.from(payload)).setProtectedHeader(header).sign(await importJWK(key, "ES256"));
}

/**
 * The payload of a JWS that one of the keys signed. A head never passes for a bundle's signature, nor the reverse. One token has one
 * spelling: unused bits and padding that a lenient decoder skips are refused.
 */
async function opened(jws: string, keys: JSONWebKeySet, type = "JWT"): Promise<Uint8Array> {
  if (!jws.split(".").every((part) => Buffer.from(part, "base64url").toString("base64url") === part)) refuse("its signature is misspelt");
  try {
    const { payload, protectedHeader } = await compactVerify(jws, createLocalJWKSet(keys), { algorithms: ["ES256"] });
    if (protectedHeader.typ === type) return payload;
  } catch (caught) {
    refuse("its signature does not verify", caught);
  }
  return refuse("its signature is of another kind");
}

function parse(bytes: Uint8Array | undefined): unknown {
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

function refuse(why: string, cause?: unknown): never {
  throw new AegisError("unprocessable", `the bundle is refused: ${why}`, { cause });
}
