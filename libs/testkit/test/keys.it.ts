import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { operatorAuth } from "@aegis/http/operator";
import { agentTokenVerifier } from "@aegis/identity/verify";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { agentIssuer, keyFile, keySetFile, operatorIssuer } from "../src/keys.ts";

describe("keys and issuers for tests", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "aegis-keys-"));
  });
  afterAll(() => rm(directory, { recursive: true }));

  test("a key's private half is readable by its owner alone, and a key set has no private half", async () => {
    const key = await keyFile(directory, "audit-0");
    expect((await stat(key.path)).mode & 0o777).toBe(0o600);
    const path = await keySetFile(directory, "peers.json", [key], { "audit-0": "audit" });
    const { keys } = JSON.parse(await readFile(path, "utf8")) as { keys: Record<string, unknown>[] };
    expect(keys).toEqual([{ ...key.publicJwk, aegis_service: "audit" }]);
    expect(keys[0]).not.toHaveProperty("d");
  });

  test("an operator's token is what services accept, until it is expired", async () => {
    await using issuer = await operatorIssuer();
    const auth = operatorAuth({ issuer: issuer.issuer });
    const alice = { user: "alice@acme.test", roles: { acme: ["approver" as const] } };
    const operator = await auth.authenticate(`Bearer ${await issuer.token(alice)}`);
    expect([operator.user, operator.has("acme", "approver"), operator.has("globex", "approver")]).toEqual(["alice@acme.test", true, false]);
    const expired = await issuer.token({ ...alice, expiresInSeconds: -60 });
    await expect(auth.authenticate(`Bearer ${expired}`)).rejects.toMatchObject({ code: "unauthenticated" });
  });

  test("an agent's token is what authz accepts", async () => {
    await using issuer = await agentIssuer();
    const verifier = agentTokenVerifier({ issuer: issuer.issuer, audience: "aegis", jwks: issuer.jwksUrl });
    const token = await issuer.token({ tenant: "acme", client_id: "finance-agent", scope: "stripe-payments:*" });
    expect(await verifier.verify(token)).toMatchObject({ ok: true, claims: { tenant: "acme", client_id: "finance-agent" } });
  });
});
