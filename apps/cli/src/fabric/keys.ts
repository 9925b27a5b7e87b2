import { randomBytes } from "node:crypto";
import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { generateKey, type KeyAlgorithm, type PrivateJwk, type PublicJwk, publicJwkOf } from "@aegis/identity/keys";
import { formatVerifierKey, verifierKey } from "@aegis/tlog/note";
import { Failure } from "../failure.ts";
import { readIfPresent, readJson, writeAtomically } from "../files.ts";
import type { DataDirectory } from "./data-directory.ts";

/** One process of one service, as its peers know it. */
export interface Instance {
  /** e.g. "authz-0"; also the key's kid. */
  instance: string;
  /** e.g. "authz" */
  service: string;
}

/** Files of key material; each is written once, 0600, and never shown. */
export interface FabricKeys {
  serviceKey(instance: string): string;
  /** What a producer of events signs them with. */
  producerKey(instance: string): string;
  producerKeys: string;
  peersFile: string;
  bundleSigningKey: string;
  bundleKeys: string;
  checkpointKey: string;
  tokenSealingKey: string;
  /** Seals the keys of data subjects that audit keeps. */
  subjectSealingKey: string;
  /** One for all replicas of authz: their pseudonyms agree. */
  pseudonymKey: string;
  issuerKey: string;
}

/** Makes what is missing of a fabric's keys and gives their files. The four signing keys are separate. */
export async function ensureKeys(directory: DataDirectory, instances: readonly Instance[]): Promise<FabricKeys> {
  await mkdir(directory.keys, { recursive: true, mode: 0o700 });
  await chmod(directory.keys, 0o700);
  const file = (name: string) => join(directory.keys, name);
  const keys: FabricKeys = {
    serviceKey: (instance) => file(`${instance}.jwk`),
    producerKey: (instance) => file(`${instance}.producer.jwk`),
    producerKeys: directory.producerKeys,
    peersFile: file("peers.json"),
    bundleSigningKey: file("bundle-signing.jwk"),
    bundleKeys: directory.bundleKeys,
    checkpointKey: file("checkpoint.jwk"),
    tokenSealingKey: file("token-sealing.key"),
    subjectSealingKey: file("subject-sealing.key"),
    pseudonymKey: file("pseudonym.key"),
    issuerKey: directory.issuerKey,
  };
  const peers: (PublicJwk & { aegis_service: string })[] = [];
  for (const { instance, service } of instances) {
    const key = await ensureJwk(keys.serviceKey(instance), "EdDSA", instance);
    peers.push({ ...publicJwkOf(key), aegis_service: service });
  }
  const producers = instances.filter(({ service }) => service === "authz");
  await keepProducerKeys(keys, producers);
  await writeAtomically(keys.peersFile, JSON.stringify({ keys: peers }, null, 1));
  const bundle = await ensureJwk(keys.bundleSigningKey, "ES256", `bundle-${randomBytes(4).toString("hex")}`);
  await writeAtomically(keys.bundleKeys, JSON.stringify({ keys: await withEarlier(keys.bundleKeys, publicJwkOf(bundle)) }, null, 1), 0o644);
  await ensureJwk(keys.checkpointKey, "EdDSA", `aegis-${randomBytes(4).toString("hex")}`);
  await ensureJwk(keys.issuerKey, "ES256", `operators-${randomBytes(4).toString("hex")}`);
  await ensureSecret(keys.tokenSealingKey);
  await ensureSecret(keys.subjectSealingKey);
  await ensureSecret(keys.pseudonymKey);
  return keys;
}

/** The verifier key of the fabric's checkpoints (C2SP signed-note), also written down for offline verification. */
export async function checkpointVkey(directory: DataDirectory, keys: FabricKeys): Promise<string> {
  const jwk = await readJson<PrivateJwk & { kid: string }>(keys.checkpointKey);
  if (!jwk) throw new Failure(`there is no checkpoint key at ${keys.checkpointKey}`);
  const vkey = formatVerifierKey(verifierKey(jwk.kid, Buffer.from(jwk.x, "base64url")));
  await writeAtomically(directory.checkpointKey, `${vkey}\n`, 0o644);
  return vkey;
}

/** Makes the keys of producers that have none. Those that no longer run stay in the list: what they signed is to be verified. */
async function keepProducerKeys(keys: FabricKeys, producers: readonly Instance[]): Promise<void> {
  const known = ((await readIfPresent(keys.producerKeys)) ?? "").split("\n").filter((line) => line !== "");
  const listed = new Set(known);
  for (const { instance } of producers) {
    const jwk = await ensureJwk(keys.producerKey(instance), "EdDSA", instance);
    listed.add(formatVerifierKey(verifierKey(instance, Buffer.from(jwk.x, "base64url"))));
  }
  await writeAtomically(keys.producerKeys, [...listed, ""].join("\n"), 0o644);
}

/** The secret in the file; a new one of 32 random bytes, base64url, when there is none yet. */
export async function ensureSecret(path: string): Promise<string> {
  const known = await readIfPresent(path);
  if (known !== undefined && known.trim() !== "") return known.trim();
  const secret = randomBytes(32).toString("base64url");
  await writeAtomically(path, secret);
  return secret;
}

/** The key, and those of the set in the file before it: what they signed verifies until somebody takes them out of the file. */
async function withEarlier(path: string, key: PublicJwk): Promise<PublicJwk[]> {
  const known = (await readJson<{ keys: PublicJwk[] }>(path))?.keys ?? [];
  return [key, ...known.filter(({ kid }) => kid !== key.kid)];
}

async function ensureJwk(path: string, algorithm: KeyAlgorithm, kid: string): Promise<PrivateJwk> {
  const known = await readJson<PrivateJwk>(path);
  if (known) return known;
  const { privateJwk } = await generateKey(algorithm);
  const named = { ...privateJwk, kid };
  await writeAtomically(path, JSON.stringify(named));
  return named;
}
