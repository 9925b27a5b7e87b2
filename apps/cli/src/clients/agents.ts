import { generateKey, type PrivateJwk } from "@aegis/identity/keys";
import type { Context } from "../context.ts";
import { dataDirectory } from "../fabric/data-directory.ts";
import { Failure } from "../failure.ts";
import { readJson, writeAtomically } from "../files.ts";

/** The file of an agent's private key. */
export const agentKeyFile = (context: Context, tenant: string, agent: string): string =>
  dataDirectory(context.dataDirectory).agentKey(tenant, agent);

/** Makes the agent's Ed25519 key, unless it has one; gives the file and the public part. */
export async function ensureAgentKey(context: Context, tenant: string, agent: string): Promise<{ keyFile: string; publicJwk: object }> {
  const keyFile = agentKeyFile(context, tenant, agent);
  const known = await readJson<PrivateJwk>(keyFile);
  if (known) {
    const { d: _private, ...publicJwk } = known;
    return { keyFile, publicJwk };
  }
  const { privateJwk, publicJwk } = await generateKey("EdDSA");
  await writeAtomically(keyFile, JSON.stringify(privateJwk));
  return { keyFile, publicJwk };
}

/** The agent's private key; fails with what to do when this machine has none. */
export async function readAgentKey(context: Context, tenant: string, agent: string, keyFile?: string): Promise<PrivateJwk> {
  const file = keyFile ?? agentKeyFile(context, tenant, agent);
  const key = await readJson<PrivateJwk>(file);
  if (key) return key;
  throw new Failure(
    `there is no key of ${agent} at ${file}: register it with aegis agent register, name its key with --key, or give a --token`,
  );
}
