import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { openBucket } from "@aegis/bus/kv";
import { openObjects } from "@aegis/bus/objects";
import { sha256 } from "@aegis/canonical/digest";
import { Decision } from "@aegis/contracts/aegis/authz/v1/authz";
import { stores } from "@aegis/contracts/subjects";
import { generateKey } from "@aegis/identity/keys";
import { type BundleSigner, type Head, objectName, signHead, writeBundle } from "@aegis/policy/bundle";
import { compile } from "@aegis/policy/compile";
import { until } from "@aegis/testkit/until";
import { CompactSign, exportSPKI, generateKeyPair, importJWK } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startWorld, type World } from "./replica.ts";
import { bomb, contentOf, flipAt, flipIn, withFile, without } from "./tampering.ts";

/** A head and a bundle, genuine or not. */
interface HandOut {
  readonly tenant: string;
  readonly jws: string;
  readonly tarball: Uint8Array;
  readonly object: string;
  readonly digest: string;
}

interface Making {
  readonly tenant?: string;
  readonly max?: number;
  readonly signer?: BundleSigner;
  readonly head?: (head: Head) => Partial<Head>;
}

const good = 5;
const now = () => Math.floor(Date.now() / 1_000);
let world: World;
let sign: BundleSigner;
let stranger: BundleSigner;

beforeAll(async () => {
  world = await startWorld();
  sign = { key: world.bundleKey.privateJwk as BundleSigner["key"] };
  // The stranger says that it is the known key.
  stranger = { key: { ...(await generateKey("ES256")).privateJwk, kid: sign.key.kid } as BundleSigner["key"] };
  await world.start();
  await world.ready();
});
afterAll(() => world?.[Symbol.asyncDispose]());

async function make(tenant: string, revision: number, { max = 5_000, signer = sign, ...more }: Making = {}): Promise<HandOut> {
  const text = `agent: finance-agent
allowed_tools:
- name: stripe-payments
  actions: [create_payment]
  conditions: { max_amount: ${max} }
`;
  const of = more.tenant ?? tenant;
  const compiled = compile([{ name: "p.yaml", text }], { tenant: of });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.faults));
  const { tarball, digest, version } = await writeBundle({ tenant: of, revision, policies: compiled.policies, sign: signer });
  const object = objectName(of, revision, digest);
  const head: Head = { tenant: of, revision, version, digest, object, issued: now(), expires: now() + 3_600 };
  return { tenant, jws: await signHead({ ...head, ...more.head?.(head) }, signer), tarball, object, digest };
}

const tampered = async (tenant: string, change: (tarball: Uint8Array) => Uint8Array): Promise<HandOut> => {
  const one = await make(tenant, 6);
  return { ...one, tarball: change(one.tarball) };
};

const signatures = (...tokens: string[]) => JSON.stringify({ signatures: tokens });
const tokenIn = (tarball: Uint8Array): string => JSON.parse(contentOf(tarball, ".signatures.json")).signatures[0];

/** What must never decide, by the name of the tenant that it is made for. */
const forgeries: Readonly<Record<string, (tenant: string) => Promise<HandOut>>> = {
  "flipped-manifest": (tenant) => tampered(tenant, (tarball) => flipIn(tarball, ".manifest")),
  "flipped-signature": (tenant) => tampered(tenant, (tarball) => flipIn(tarball, ".signatures.json")),
  "flipped-data": (tenant) => tampered(tenant, (tarball) => flipIn(tarball, "aegis/data.json")),
  "flipped-rego": (tenant) => tampered(tenant, (tarball) => flipIn(tarball, "aegis/decision.rego")),
  "flipped-gzip-middle": (tenant) => tampered(tenant, (tarball) => flipAt(tarball, tarball.length >> 1)),
  "flipped-gzip-end": (tenant) => tampered(tenant, (tarball) => flipAt(tarball, -1)),
  async "flipped-gzip-header"(tenant) {
    const { tarball } = await make(tenant, 6);
    // The system byte, which changes nothing that is unpacked: only a head that pins the tarball tells.
    const pinned = await make(tenant, 6, { head: () => ({ tarball: sha256(tarball) }) });
    return { ...pinned, tarball: flipAt(tarball, 9) };
  },
  unsigned: (tenant) => tampered(tenant, (tarball) => without(tarball, ".signatures.json")),
  "two-signatures": (tenant) =>
    tampered(tenant, (tarball) => withFile(tarball, ".signatures.json", signatures(tokenIn(tarball), tokenIn(tarball)))),
  "unlisted-file": (tenant) => tampered(tenant, (tarball) => withFile(tarball, "aegis/more.json", "{}")),
  "path-traversal": (tenant) => tampered(tenant, (tarball) => withFile(tarball, "../../policies", "x")),
  "absolute-path": (tenant) => tampered(tenant, (tarball) => withFile(tarball, "/aegis/more.json", "{}")),
  "tar-bomb": (tenant) => tampered(tenant, () => bomb()),
  "no-algorithm": (tenant) =>
    tampered(tenant, (tarball) => {
      const header = Buffer.from(JSON.stringify({ alg: "none", typ: "JWT", kid: sign.key.kid })).toString("base64url");
      return withFile(tarball, ".signatures.json", signatures(`${header}.${tokenIn(tarball).split(".")[1]}.`));
    }),
  async "eddsa-signature"(tenant) {
    const one = await make(tenant, 6);
    const { privateKey } = await generateKeyPair("EdDSA");
    const payload = Buffer.from(tokenIn(one.tarball).split(".")[1]!, "base64url");
    const token = await new CompactSign(payload).setProtectedHeader({ alg: "EdDSA", typ: "JWT", kid: sign.key.kid }).sign(privateKey);
    return { ...one, tarball: withFile(one.tarball, ".signatures.json", signatures(token)) };
  },
  "hs256-signature": (tenant) => resigned(tenant, "HS256", publicPem),
  "other-scope": async (tenant) => resigned(tenant, "ES256", () => importJWK(sign.key, "ES256"), { scope: "write" }),
  "truncated-gzip": (tenant) => tampered(tenant, (tarball) => tarball.subarray(0, -9)),
  "truncated-tar": (tenant) => tampered(tenant, (tarball) => gzipSync(gunzipSync(tarball).subarray(0, -3_000))),
  "unsigned-head": async (tenant) =>
    headed(tenant, ({ payload }) => `${part({ alg: "none", typ: headType, kid: sign.key.kid })}.${payload}.`),
  "hs256-head": (tenant) => headed(tenant, async ({ bytes }) => signed(bytes, { alg: "HS256", typ: headType }, await publicPem())),
  "eddsa-head": (tenant) =>
    headed(tenant, async ({ bytes }) => signed(bytes, { alg: "EdDSA", typ: headType }, (await generateKeyPair("EdDSA")).privateKey)),
  "head-of-another-kind": (tenant) =>
    headed(tenant, async ({ bytes }) => signed(bytes, { alg: "ES256", typ: "JWT" }, await importJWK(sign.key, "ES256"))),
  async "bundles-signature-as-head"(tenant) {
    const one = await make(tenant, 6);
    return { ...one, jws: tokenIn(one.tarball) };
  },
  async "strangers-bundle"(tenant) {
    return { ...(await make(tenant, 6)), tarball: (await make(tenant, 6, { signer: stranger })).tarball };
  },
  "strangers-head": (tenant) => make(tenant, 6, { signer: stranger }),
  "other-tenants-head": (tenant) => make(tenant, 6, { tenant: "globex" }),
  async "other-tenants-bundle"(tenant) {
    return { ...(await make(tenant, 6)), tarball: (await make(tenant, 6, { tenant: "globex" })).tarball };
  },
  async "other-revisions-bundle"(tenant) {
    return { ...(await make(tenant, 6)), tarball: (await make(tenant, 7, { max: 1 })).tarball };
  },
  "older-revision": (tenant) => make(tenant, good - 1),
  "same-revision-other-digest": (tenant) => make(tenant, good, { max: 9_999 }),
};

const headType = "aegis-policy-head+jws";
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

type SigningKey = Parameters<CompactSign["sign"]>[0];

const signed = (payload: Uint8Array, header: { alg: string; typ: string }, key: SigningKey): Promise<string> =>
  new CompactSign(payload).setProtectedHeader({ ...header, kid: sign.key.kid }).sign(key);

/** What everybody knows, taken for a shared secret. */
async function publicPem(): Promise<Uint8Array> {
  const { d: _, ...known } = sign.key;
  return Buffer.from(await exportSPKI((await importJWK(known, "ES256")) as Parameters<typeof exportSPKI>[0]));
}

/** A bundle whose list of files is signed in another way. */
async function resigned(tenant: string, alg: string, key: () => Promise<SigningKey>, claims: object = {}): Promise<HandOut> {
  const one = await make(tenant, 6);
  const payload = { ...JSON.parse(Buffer.from(tokenIn(one.tarball).split(".")[1]!, "base64url").toString()), ...claims };
  const token = await signed(Buffer.from(JSON.stringify(payload)), { alg, typ: "JWT" }, await key());
  return { ...one, tarball: withFile(one.tarball, ".signatures.json", signatures(token)) };
}

/** A bundle whose head is signed in another way. */
async function headed(
  tenant: string,
  sealing: (head: { payload: string; bytes: Uint8Array }) => string | Promise<string>,
): Promise<HandOut> {
  const one = await make(tenant, 6);
  const payload = one.jws.split(".")[1]!;
  return { ...one, jws: await sealing({ payload, bytes: Buffer.from(payload, "base64url") }) };
}

async function handOut({ tenant, jws, tarball, object }: HandOut): Promise<void> {
  await (await openObjects(world.fabric.bus, stores.bundles)).put(object, tarball);
  await (await openBucket(world.fabric.bus, stores.policyHeads)).put(tenant, jws);
}

const cacheOf = (tenant: string) => join(world.directory, "data", "cache", "policies", tenant);

/** Puts it where authz keeps what it has verified, as somebody with access to the disk would. */
async function place({ tenant, jws, tarball }: HandOut): Promise<void> {
  await mkdir(cacheOf(tenant), { recursive: true });
  await writeFile(join(cacheOf(tenant), "policy"), Buffer.concat([Buffer.from(`${jws}\n`), tarball]));
}

async function ask(tenant: string) {
  const { decision, reasons, policyVersion } = await world.check({ agentToken: await world.token({ tenant }) }, { amount: 100 });
  return { decision, reasons: reasons.map(({ code }) => code), revision: Number.parseInt(policyVersion, 10) || undefined };
}

const byRevision = (revision: number) => ({ decision: Decision.ALLOW, reasons: [], revision });
const nothing = { decision: Decision.DENY, reasons: ["policy_missing"], revision: undefined };

async function everybody<T>(of: (tenant: string) => Promise<T>): Promise<Record<string, T>> {
  const entries = Object.keys(forgeries).map(async (tenant) => [tenant, await of(tenant)] as const);
  return Object.fromEntries(await Promise.all(entries));
}

const same = <T>(value: T): Record<string, T> => Object.fromEntries(Object.keys(forgeries).map((tenant) => [tenant, value]));

test("nothing forged or replayed comes into force from NATS; what was good decides on, and its mark is on the disk", async () => {
  await everybody(async (tenant) => handOut(await make(tenant, good)));
  await until(async () => Object.values(await everybody(ask)).every(({ revision }) => revision === good));
  await everybody(async (tenant) => handOut(await forgeries[tenant]!(tenant)));
  const replicas = await openBucket(world.fabric.bus, stores.replicas);
  const refused = async () => {
    const entry = await replicas.get("authz-0");
    return Object.keys(JSON.parse(new TextDecoder().decode(entry?.value)).refused);
  };
  await until(async () => (await refused()).length === Object.keys(forgeries).length, { what: "each one is refused and shown so" });
  expect(await everybody(ask)).toEqual(same(byRevision(good)));
});

test("a bundle that was put right is taken without a new head", async () => {
  await handOut(await make("flipped-data", 6));
  await until(async () => (await ask("flipped-data")).revision === 6);
});

test("nothing forged or replayed comes into force from the disk, with NATS away; what was good does", async () => {
  await handOut(await make("genuine", good));
  await until(async () => (await ask("genuine")).revision === good);
  // Without it, a start without NATS knows of no revocation, and denies for that.
  await until(() => readFile(join(world.directory, "data", "cache", "revocations.json")));
  await world.stop("SIGKILL");
  await everybody(async (tenant) => {
    const forged = await forgeries[tenant]!(tenant);
    await place(forged);
    const mark = await readFile(join(cacheOf(tenant), "high-water.json"), "utf8");
    expect(JSON.parse(mark).revision).toBeGreaterThanOrEqual(good);
  });
  await place({ ...(await make("genuine", good)), tenant: "renamed" });
  await writeFile(join(cacheOf("renamed"), "high-water.json"), await readFile(join(cacheOf("genuine"), "high-water.json")));
  await place(await make("without-mark", good));
  await world.fabric.kill();
  await world.start();
  await world.ready();
  expect(await ask("genuine")).toEqual(byRevision(good));
  expect(await everybody(ask)).toEqual(same(nothing));
  expect([await ask("renamed"), await ask("without-mark")]).toEqual([nothing, nothing]);
  expect(await readdir(join(world.directory, "data", "cache", "policies"))).not.toContain("globex");
});

test("policies whose head is past its expiry and the day of grace deny, from the disk and from NATS", async () => {
  await world.stop("SIGKILL");
  const day = 24 * 3_600;
  const stale = (ago: number) => ({ head: () => ({ issued: now() - ago - 3_600, expires: now() - ago }) });
  const [late, within] = [await make("late", good, stale(day + 60)), await make("within-grace", good, stale(day - 600))];
  for (const one of [late, within]) {
    await place(one);
    await writeFile(join(cacheOf(one.tenant), "high-water.json"), JSON.stringify({ revision: good, digest: one.digest }));
  }
  await world.start();
  await world.ready();
  const denied = { decision: Decision.DENY, reasons: ["policy_stale"] };
  expect([await ask("late"), await ask("within-grace")]).toEqual([expect.objectContaining(denied), byRevision(good)]);
  await world.fabric.start();
  await until(() => world.fabric.bus.connected());
  await handOut(await make("late-too", good, stale(day + 60)));
  await until(async () => (await ask("late-too")).reasons[0] === "policy_stale");
  await handOut(await make("late", good));
  await until(async () => (await ask("late")).decision === Decision.ALLOW);
});

test("a disk that was emptied: NATS says what is in force, and the mark is kept anew", async () => {
  await world.stop("SIGKILL");
  await rm(join(world.directory, "data", "cache", "policies"), { recursive: true });
  await world.start();
  await until(async () => (await ask("genuine")).revision === good);
  await handOut(await make("genuine", good - 1));
  const replicas = await openBucket(world.fabric.bus, stores.replicas);
  await until(async () => /below 5/.test(new TextDecoder().decode((await replicas.get("authz-0"))?.value)));
  expect(await ask("genuine")).toEqual(byRevision(good));
});
