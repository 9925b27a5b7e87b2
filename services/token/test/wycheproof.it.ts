import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { clientId } from "@aegis/identity/assertion";
import { agentTokenVerifier } from "@aegis/identity/verify";
import { goModule } from "@aegis/testkit/go-module";
import { base64url, CompactSign, importJWK, type JWK } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { asOperator, postForm, type Running, registered, type Surroundings, surroundings } from "./running.ts";

const source = {
  path: "github.com/c2sp/wycheproof",
  version: "v0.0.0-20260902155932-3fa63dd0344a",
  sum: "h1:pNbL2nztRsWfW/ispAwsvcDFxs9Id38uIsR2/Up5G2c=",
};

interface Vector {
  readonly tcId: number;
  readonly comment: string;
  readonly jws: string;
  readonly result: "valid" | "invalid" | "acceptable";
}

interface Group {
  readonly comment: string;
  readonly public?: JWK;
  readonly private: JWK;
  readonly tests: readonly Vector[];
}

const directory = await goModule(source);
const file = directory === undefined ? undefined : join(directory, "testvectors_v1/json_web_signature_test.json");
const groups: readonly Group[] =
  file === undefined ? [] : (JSON.parse(await readFile(file, "utf8")) as { testGroups: readonly Group[] }).testGroups;
const ours = ["ES256", "RS256", "PS256"];

/** The vectors sign the text "foo" and the like. A token made of one: the same header and the same damage, over an agent's claims. */
interface Token {
  readonly vector: Vector;
  readonly how: "as it is" | "its signature" | "its damage" | "its header, signed with its key";
  readonly jws: string;
  /** Whether its key's owner said just this. */
  readonly genuine: boolean;
}

async function tokensOf(group: Group, claims: object, typ?: string): Promise<Token[]> {
  const payload = base64url.encode(JSON.stringify(claims));
  const tokens: Token[] = [];
  for (const vector of group.tests) {
    tokens.push({ vector, how: "as it is", jws: vector.jws, genuine: false });
    const [given = "", body = "", signature = ""] = vector.jws.split(".");
    const header = typ === undefined ? given : typed(given, typ);
    tokens.push({ vector, how: "its signature", jws: `${header}.${payload}.${signature}`, genuine: false });
    const resigned = await signedAs(group.private, header, claims);
    const isOnlySignature = vector.result === "invalid" && given === headerOf(group);
    if (resigned !== undefined && !isOnlySignature)
      tokens.push({ vector, how: "its header, signed with its key", jws: resigned, genuine: vector.result === "valid" });
    const damaged = resign(group.private, `${given}.${body}`, signature, `${header}.${payload}`);
    if (damaged !== undefined)
      tokens.push({ vector, how: "its damage", jws: `${header}.${payload}.${damaged}`, genuine: vector.result === "valid" });
  }
  return tokens;
}

/** The header with a type, where it is one that can be read. */
function typed(header: string, typ: string): string {
  try {
    return base64url.encode(JSON.stringify({ ...JSON.parse(Buffer.from(header, "base64url").toString()), typ }));
  } catch {
    return header;
  }
}

const headerOf = (group: Group): string | undefined => group.tests.find(({ result }) => result === "valid")?.jws.split(".")[0];

/** The claims under the vector's header, signed with the group's key in the way that the key, not the header, names. */
async function signedAs(key: JWK, header: string, claims: object): Promise<string | undefined> {
  try {
    const alg = key.alg ?? (key.kty === "EC" ? "ES256" : "RS256");
    const { use: _, key_ops: _ops, ...usable } = key;
    const said = JSON.parse(Buffer.from(header, "base64url").toString()) as { alg?: string };
    if (said.alg !== alg) return undefined;
    const sign = new CompactSign(Buffer.from(JSON.stringify(claims))).setProtectedHeader({ ...said, alg });
    const signed = await sign.sign(await importJWK(usable, alg), { crit: {} });
    return `${header}.${signed.split(".")[1]}.${signed.split(".")[2]}`;
  } catch {
    return undefined;
  }
}

const power = (base: bigint, exponent: bigint, modulus: bigint): bigint => {
  let result = 1n;
  for (let [square, left] = [base % modulus, exponent]; left > 0n; left >>= 1n, square = (square * square) % modulus)
    if (left & 1n) result = (result * square) % modulus;
  return result;
};
const number = (text: string): bigint => BigInt(`0x0${Buffer.from(text, "base64url").toString("hex")}`);

/** An RSA signature with damaged padding, carried over: what was padded is exchanged for the other text's digest, and signed as it is. */
function resign({ kty, n, e, d }: JWK, from: string, signature: string, to: string): string | undefined {
  if (kty !== "RSA" || n === undefined || e === undefined || d === undefined || signature === "") return undefined;
  const bytes = Buffer.from(n, "base64url").length;
  const padded = power(number(signature), number(e), number(n))
    .toString(16)
    .padStart(2 * bytes, "0");
  for (const hash of ["sha256", "sha384", "sha512", "sha1"]) {
    const [was, is] = [from, to].map((text) => createHash(hash).update(text).digest("hex")) as [string, string];
    if (!padded.includes(was)) continue;
    const moved = BigInt(`0x${padded.replace(was, is)}`);
    if (moved >= number(n)) return undefined;
    return Buffer.from(
      power(moved, number(d), number(n))
        .toString(16)
        .padStart(2 * bytes, "0"),
      "hex",
    ).toString("base64url");
  }
  return undefined;
}

describe.skipIf(groups.length === 0)("Wycheproof's JSON Web Signatures", () => {
  let around: Surroundings;
  let service: Running;

  beforeAll(async () => {
    around = await surroundings();
    service = await around.start("token-0");
    await registered(around, service, { tenant: "acme", agent: "finance-agent" }, ["pay:*"]);
  });
  afterAll(async () => around?.[Symbol.asyncDispose]());

  const inbox = { sub: "workload", aud: "aegis-token" };
  const trust = (name: string, issuer: string, jwk: JWK) =>
    asOperator(around, { acme: ["admin"] }, "POST", `${service.url}/v1/issuers`, {
      ...{ tenant: "acme", name, kind: "workload", issuer, audience: inbox.aud, jwks: { keys: [jwk] } },
      algorithms: ours.includes(jwk.alg ?? "") ? [jwk.alg] : ours,
      rules: [{ match: { sub: "workload" }, agents: ["finance-agent"] }],
    });
  const isTaken = async (token: string) => {
    const answer = await postForm(`${service.url}/oauth/token`, {
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      client_id: clientId({ tenant: "acme", agent: "finance-agent" }),
      subject_token: token,
      subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
    });
    expect([200, 400]).toContain(answer.status);
    return answer.status === 200;
  };

  test("with each vector's key trusted, what it signed genuinely is taken, and no invalid one", async () => {
    const wrong: string[] = [];
    const tried = { genuine: 0, others: 0 };
    for (const [index, group] of groups.entries()) {
      const issuer = `https://wycheproof.test/${index}`;
      const key = group.public ?? group.private;
      const trusted = await trust(`group-${index}`, issuer, key);
      // A shared key cannot be trusted at all.
      expect([group.comment, trusted.status]).toEqual([group.comment, key.kty === "oct" ? 400 : 201]);
      const claims = { iss: issuer, ...inbox, exp: Math.floor(Date.now() / 1000) + 3_600 };
      const known = ours.includes(key.alg ?? "");
      for (const { vector, how, jws, genuine } of await tokensOf(group, claims)) {
        const good = genuine && known;
        tried[good ? "genuine" : "others"] += 1;
        if ((await isTaken(jws)) !== good)
          wrong.push(`${group.comment} ${vector.tcId} ${vector.comment}, ${how}: ${good ? "refused" : "taken"}`);
      }
    }
    console.log(`Wycheproof, as a trusted issuer's: ${tried.genuine} genuine, ${tried.others} others, ${wrong.length} judged wrongly`);
    expect(wrong).toEqual([]);
    expect(tried.genuine).toBeGreaterThan(10);
    expect(tried.others).toBeGreaterThan(400);
  });

  test("with each vector's key as the signing key, the verifier of authz judges them alike", async () => {
    const wrong: string[] = [];
    const tried = { genuine: 0, others: 0 };
    // Keys of other kinds are no signing keys here, whatever they sign.
    for (const group of groups.filter((one) => one.private.kty === "EC")) {
      const jwks = async () => JSON.stringify({ keys: [group.public ?? group.private] });
      const verifier = agentTokenVerifier({ issuer: service.url, jwks, cooldownMs: 0 });
      const now = Math.floor(Date.now() / 1000);
      const agent = {
        client_id: "finance-agent",
        sub: "finance-agent",
        org: "acme",
        tenant: "acme",
        depth: 0,
        instance: "i",
        scope: "pay:*",
      };
      const claims = { iss: service.url, aud: "aegis", iat: now, exp: now + 300, jti: "vector-token-1", ...agent };
      for (const { vector, how, jws, genuine } of await tokensOf(group, claims, "at+jwt")) {
        const good = genuine && group.private.alg === "ES256";
        tried[good ? "genuine" : "others"] += 1;
        const ok = await verifier.verify(jws).then(
          (verified) => verified.ok,
          () => false,
        );
        if (ok !== good) wrong.push(`${group.comment} ${vector.tcId} ${vector.comment}, ${how}: ${good ? "refused" : "taken"}`);
      }
    }
    console.log(`Wycheproof, at authz's verifier: ${tried.genuine} genuine, ${tried.others} others, ${wrong.length} judged wrongly`);
    expect(wrong).toEqual([]);
    expect(tried.genuine).toBeGreaterThan(0);
  });
});
