import { signProof } from "@aegis/identity/dpop";
import { type GeneratedKey, generateKey, thumbprint } from "@aegis/identity/keys";
import { beforeAll, expect, test } from "vitest";
import { given } from "../../test/given.ts";

const policy = `
agent: finance-agent
allowed_tools:
- name: stripe-payments
  actions:
  - create_payment
`;
const htu = "http://authz.test/aegis.authz.v1.AuthorizationService/Check";
let key: GeneratedKey;
let jkt: string;
beforeAll(async () => {
  key = await generateKey("ES256");
  jkt = await thumbprint(key.publicJwk);
});

const bound = () => given({ policy, claims: { cnf: { jkt } } });
const proofFor = (around: ReturnType<typeof given>, changes: object = {}) =>
  signProof({ privateJwk: key.privateJwk, htm: "POST", htu, accessToken: "good", now: around.clock.now(), ...changes });

test("a bound token decides with its key's proof, from the request or from the metadata", async () => {
  const around = bound();
  expect(await around.call({ dpopProof: await proofFor(around) })).toMatchObject({ decision: "allow" });
  const presented = { ...around.caller, authorization: { scheme: "DPoP" as const, token: "good" }, proof: await proofFor(around) };
  expect(await around.call({ agentToken: "" }, undefined, presented)).toMatchObject({ decision: "allow" });
});

test("without a proof, with another key's, another token's or another method's, a bound token is nobody's", async () => {
  const around = bound();
  const stranger = await generateKey("ES256");
  const proofs = [
    "",
    "proof",
    await proofFor(around, { privateJwk: stranger.privateJwk }),
    await proofFor(around, { accessToken: "another" }),
    await proofFor(around, { accessToken: undefined }),
    await proofFor(around, { htu: htu.replace("/Check", "/CheckBatch") }),
    await proofFor(around, { htu: htu.replace("authz.test", "other.test") }),
    await proofFor(around, { htm: "GET" }),
    await proofFor(around, { now: new Date(around.clock.time - 61_000) }),
  ];
  for (const dpopProof of proofs) await expect(around.call({ dpopProof })).rejects.toMatchObject({ code: "unauthenticated" });
  expect(around.failures).toHaveLength(proofs.length);
});

test("RFC 9449 §7.2: a bound token is refused as a Bearer token, also with its proof", async () => {
  const around = bound();
  const presented = { ...around.caller, authorization: { scheme: "Bearer" as const, token: "good" }, proof: await proofFor(around) };
  await expect(around.call({ agentToken: "" }, undefined, presented)).rejects.toMatchObject({ code: "unauthenticated" });
});

test("RFC 9449 §7.1: a token that is bound to no key is refused with a proof, and as a DPoP token", async () => {
  const around = given({ policy });
  await expect(around.call({ dpopProof: await proofFor(around) })).rejects.toMatchObject({ code: "unauthenticated" });
  const presented = { ...around.caller, authorization: { scheme: "DPoP" as const, token: "good" } };
  await expect(around.call({ agentToken: "" }, undefined, presented)).rejects.toMatchObject({ code: "unauthenticated" });
});

test("a proof is good once: the second call is denied and recorded, also under the first one's request id", async () => {
  const around = bound();
  const dpopProof = await proofFor(around);
  expect(await around.call({ dpopProof, requestId: "r-1" })).toMatchObject({ decision: "allow" });
  const again = await around.call({ dpopProof, requestId: "r-1" });
  expect(again).toMatchObject({ decision: "deny", reasons: [{ code: "token_replayed" }] });
  expect(around.log.last().data.reasons[0]).toMatchObject({ code: "token_replayed" });
  expect(await around.call({ dpopProof: await proofFor(around), requestId: "r-1" })).toMatchObject({ decision: "allow" });
});

test("when nobody can say whether a proof was used before, the call is denied", async () => {
  const around = bound();
  around.proofs.reachable = false;
  const answer = await around.call({ dpopProof: await proofFor(around) });
  expect(answer).toMatchObject({
    decision: "deny",
    reasons: [{ code: "token_replayed", message: expect.stringContaining("cannot be found out") }],
  });
});

test("RFC 8705: a token bound to a certificate decides for who shows it, as a Bearer token, and leaves nothing to replay", async () => {
  const around = given({ policy, claims: { cnf: { "x5t#S256": "the-certificate" } } });
  const shown = (certificate: string | undefined, more: object = {}) => ({ ...around.caller, certificate: () => certificate, ...more });
  const bearer = { scheme: "Bearer" as const, token: "good" };
  for (let times = 0; times < 2; times++) {
    const answer = await around.call({ agentToken: "" }, undefined, shown("the-certificate", { authorization: bearer }));
    expect(answer).toMatchObject({ decision: "allow" });
  }
  const tried = [
    around.caller,
    shown(undefined),
    shown("another"),
    shown("the-certificate", { proof: await proofFor(around) }),
    shown("another", { proof: await proofFor(around) }),
  ];
  for (const caller of tried) await expect(around.call({}, undefined, caller)).rejects.toMatchObject({ code: "unauthenticated" });
  const asDPoP = shown("the-certificate", { authorization: { ...bearer, scheme: "DPoP" } });
  await expect(around.call({ agentToken: "" }, undefined, asDPoP)).rejects.toMatchObject({ code: "unauthenticated" });
  await expect(bound().call({}, undefined, shown(jkt))).rejects.toMatchObject({ code: "unauthenticated" });
  expect(around.failures).toHaveLength(6);
});
