import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type OperatorRole, operatorAudience } from "@aegis/contracts/operator";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { operatorAuth } from "./operator.ts";
import type { OrgRead } from "./org-reads.ts";

const { privateKey, publicKey } = await generateKeyPair("EdDSA");
const documents: Record<string, unknown> = {};
const provider = createServer((request, response) => void response.end(JSON.stringify(documents[request.url ?? ""] ?? {})));
let issuer: string;

beforeAll(async () => {
  await new Promise<void>((resolve) => provider.listen(0, "127.0.0.1", resolve));
  issuer = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
  documents["/.well-known/openid-configuration"] = { issuer, jwks_uri: `${issuer}/keys` };
  documents["/keys"] = { keys: [{ ...(await exportJWK(publicKey)), alg: "EdDSA", kid: "k" }] };
});
afterAll(() => void provider.close());

const noted: OrgRead[] = [];
const come = async (roles: Record<string, OperatorRole[]>, orgReads = async (read: OrgRead): Promise<void> => void noted.push(read)) => {
  const token = new SignJWT({ aegis_roles: roles })
    .setProtectedHeader({ alg: "EdDSA", kid: "k" })
    .setSubject("ada")
    .setExpirationTime("1m");
  const header = `Bearer ${await token.setIssuer(issuer).setAudience(operatorAudience).sign(privateKey)}`;
  return operatorAuth({ issuer, orgReads }).authenticate(header);
};

test("a reader of the tenant reads without a note; somebody who is no org-auditor at all is refused without one", async () => {
  await (await come({ acme: ["auditor"] })).read("acme", "entries", "auditor", "admin");
  await (await come({ "*": ["admin"] })).read("acme", "entries", "auditor", "admin");
  const stranger = await come({ globex: ["auditor", "admin"], "org:initech": ["auditor", "admin"] });
  await expect(stranger.read("acme", "entries", "auditor")).rejects.toMatchObject({ code: "permission_denied" });
  expect(noted).toEqual([]);
});

test("an org-auditor's read is noted before it happens, whatever the role is held in, and refused when it cannot be", async () => {
  for (const key of ["acme", "*", "org:initech"]) {
    const auditor = await come({ [key]: ["org-auditor"] });
    await auditor.read("acme", "entries", "auditor");
    expect(noted.pop()).toMatchObject({
      operator: auditor,
      tenant: "acme",
      what: "entries",
      authorization: expect.stringMatching(/^Bearer ey/),
    });
  }
  const failing = await come({ "org:initech": ["org-auditor"] }, () => Promise.reject(new Error("token is away")));
  await expect(failing.read("acme", "entries", "auditor")).rejects.toThrow("token is away");
});

test("org-auditor counts for nothing else, even where a route lists it among its roles", async () => {
  const auditor = await come({ acme: ["org-auditor"], "*": ["org-auditor"], "org:acme": ["org-auditor", "admin"] });
  expect(auditor.has("acme", "org-auditor", "admin", "auditor")).toBe(false);
  expect(() => auditor.require("acme", "org-auditor", "admin")).toThrow(/needs one of the roles/);
});

test("only the tenant's own organisation is audited by its auditor", async () => {
  const auditor = await come({ "org:initech": ["org-auditor"], "org:hooli": ["auditor"] });
  expect([auditor.audits("acme", "initech"), auditor.audits("acme", "hooli"), auditor.audits("acme", undefined)]).toEqual([
    true,
    false,
    false,
  ]);
});
