import { createHmac, randomBytes } from "node:crypto";
import { importPrivateKey, type PrivateJwk, type PublicJwk } from "@aegis/identity/keys";
import { CompactSign, type CryptoKey, EncryptJWT } from "jose";

/** Something that is no token of the issuer, with what is wrong with it. */
export interface TokenAttack {
  readonly name: string;
  readonly token: string;
}

export interface AttackOptions {
  /** A key whose tokens are honoured. */
  readonly privateJwk: PrivateJwk & { readonly kid: string };
  readonly publicJwk: PublicJwk;
  /** A key of nobody's. */
  readonly strangerJwk: PrivateJwk & { readonly kid: string };
  readonly strangerPublicJwk: PublicJwk;
  /** Of a token that would be honoured. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** `typ` of a token that would be honoured. */
  readonly type: string;
}

const b64 = (value: string | Uint8Array): string => Buffer.from(value).toString("base64url");
const json = (value: unknown): string => b64(JSON.stringify(value));

/**
 * More than two hundred texts that must not pass for a token of the issuer: algorithm confusion, keys from headers, `kid` traversal,
 * critical extensions, second spellings, duplicate members, other types, issuers, audiences and times, other serializations.
 */
export async function tokenAttacks(options: AttackOptions): Promise<TokenAttack[]> {
  const key = (await importPrivateKey(options.privateJwk)) as { alg: string; kid: string; key: CryptoKey };
  const stranger = await importPrivateKey(options.strangerJwk);
  const header = { alg: key.alg, kid: key.kid, typ: options.type };
  const signText = async (head: string, payload: string, by: CryptoKey = key.key): Promise<string> => {
    const algorithm = by.algorithm.name === "ECDSA" ? { name: "ECDSA", hash: "SHA-256" } : { name: "Ed25519" };
    const input = `${b64(head)}.${b64(payload)}`;
    return `${input}.${b64(new Uint8Array(await crypto.subtle.sign(algorithm, by, Buffer.from(input))))}`;
  };
  const sign = (head: object, payload: unknown = options.claims, by?: CryptoKey) =>
    signText(JSON.stringify(head), JSON.stringify(payload), by);
  const good = await sign(header);
  const [head, payload, signature] = good.split(".") as [string, string, string];
  const attacks: TokenAttack[] = [];
  const add = (name: string, token: string) => attacks.push({ name, token });

  for (const alg of [
    "none",
    "None",
    "NONE",
    "nOnE",
    "",
    "HS256",
    "HS384",
    "HS512",
    "hs256",
    "RS256",
    "PS256",
    "ES384",
    "ES512",
    "ES256K",
    "Ed448",
  ]) {
    const confused = json({ ...header, alg });
    add(`alg ${alg} without a signature`, `${confused}.${payload}.`);
    add(`alg ${alg} with the true signature`, `${confused}.${payload}.${signature}`);
    add(`alg ${alg} keyed with x`, hmac(confused, payload, Buffer.from(options.publicJwk.x, "base64url")));
    add(`alg ${alg} keyed with the public JWK`, hmac(confused, payload, Buffer.from(JSON.stringify(options.publicJwk))));
    add(`alg ${alg} keyed with nothing`, hmac(confused, payload, Buffer.alloc(0)));
  }
  for (const alg of [null, 1, true, [key.alg], { alg: key.alg }]) add(`alg is ${JSON.stringify(alg)}`, await sign({ ...header, alg }));
  add("no alg", await sign({ kid: key.kid, typ: options.type }));
  add("the other algorithm of ours under this kid", await sign({ ...header, alg: key.alg === "EdDSA" ? "ES256" : "EdDSA" }));

  const kids = [
    "../../../../dev/null",
    "/dev/null",
    "..\\..\\key",
    `${key.kid}/../${key.kid}`,
    `${key.kid}\u0000`,
    ` ${key.kid}`,
    `${key.kid} `,
    `${key.kid.toUpperCase()}x`,
    "",
    "' OR '1'='1",
    "key; drop table signing_keys",
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "0",
    "*",
    "k".repeat(129),
    "http://127.0.0.1/key",
    "file:///etc/passwd",
    "%2e%2e%2f",
    "\ud83d\ude00",
  ];
  for (const kid of kids) {
    add(`kid ${JSON.stringify(kid).slice(0, 40)}, the true key`, await sign({ ...header, kid }));
    add(
      `kid ${JSON.stringify(kid).slice(0, 40)}, keyed with nothing`,
      hmac(json({ ...header, alg: "HS256", kid }), payload, Buffer.alloc(0)),
    );
  }
  for (const kid of [null, 7, [key.kid], { kid: key.kid }, true])
    add(`kid is ${JSON.stringify(kid).slice(0, 30)}`, await sign({ ...header, kid }));
  add("no kid", await sign({ alg: key.alg, typ: options.type }));

  const own = options.strangerPublicJwk;
  const imports: Record<string, object> = {
    jwk: { jwk: own },
    "jwk and its kid": { jwk: own, kid: options.strangerJwk.kid },
    jku: { jku: "https://attacker.test/jwks.json" },
    "jku with a user name that looks like the issuer": { jku: "https://token.test@attacker.test/jwks.json" },
    "jku to a file": { jku: "file:///dev/stdin" },
    x5u: { x5u: "https://attacker.test/cert.pem" },
    x5c: { x5c: [b64("certificate")] },
    x5t: { x5t: b64("thumbprint") },
    "x5t#S256": { "x5t#S256": b64("thumbprint") },
  };
  for (const [name, members] of Object.entries(imports)) {
    add(`a stranger's key by ${name}`, await sign({ ...header, ...members }, options.claims, stranger.key));
    add(`the true key, and ${name}`, await sign({ ...header, ...members }));
  }
  add("a stranger's key under a known kid", await sign(header, options.claims, stranger.key));
  add("a stranger's key under its own kid", await sign({ ...header, kid: options.strangerJwk.kid }, options.claims, stranger.key));

  const extensions: Record<string, object> = {
    "crit of an unknown extension": { crit: ["exp"], exp: 1 },
    "an empty crit": { crit: [] },
    "crit of alg": { crit: ["alg"] },
    "crit that is no array": { crit: "b64" },
    "b64 false": { b64: false, crit: ["b64"] },
    "b64 false without crit": { b64: false },
    "b64 true": { b64: true, crit: ["b64"] },
    zip: { zip: "DEF" },
    cty: { cty: "JWT" },
    enc: { enc: "A128GCM" },
    nonce: { nonce: "1" },
    "iss in the header": { iss: options.claims.iss },
    "a member called __proto__": JSON.parse('{"__proto__":{"alg":"none"}}'),
  };
  for (const [name, members] of Object.entries(extensions)) add(`header with ${name}`, await sign({ ...header, ...members }));
  for (const typ of [
    "JWT",
    "jwt",
    "at+JWT ",
    "application/at+jwt",
    "AT+JWT",
    "dpop+jwt",
    "revocations+jwt",
    "logout+jwt",
    "",
    null,
    1,
    [options.type],
  ])
    if (typ !== options.type) add(`typ ${JSON.stringify(typ)}`, await sign({ ...header, typ }));
  add("no typ", await sign({ alg: key.alg, kid: key.kid }));

  const claim = async (name: string, changes: Record<string, unknown>) => {
    const changed = Object.fromEntries(Object.entries({ ...options.claims, ...changes }).filter(([, value]) => value !== undefined));
    add(name, await sign(header, changed));
  };
  const iss = String(options.claims.iss);
  const wrong: Record<string, readonly unknown[]> = {
    iss: [undefined, "", `${iss}/`, `${iss}.evil.test`, iss.toUpperCase(), ` ${iss}`, [iss], null, 1, `${iss}#`, "https://attacker.test"],
    aud: [undefined, "", "aegis-control", "token", "AEGIS", " aegis", [], ["other"], null, 1, "aegis aegis-control"],
    exp: [undefined, 0, -1, -1e15, 1, 1_700_000_000, 1.5, 4_102_444_800.5, "4102444800", 1e308, null, true, [4_102_444_800], {}, ""],
    iat: [undefined, -1, 4_102_444_000, 1.25, "now", null, 1e300],
    nbf: [4_102_444_000, 1e300, "tomorrow", {}],
  };
  for (const [name, values] of Object.entries(wrong))
    for (const value of values)
      await claim(`${name} ${value === undefined ? "absent" : JSON.stringify(value).slice(0, 40)}`, { [name]: value });

  const claimsText = JSON.stringify(options.claims);
  const headText = JSON.stringify(header);
  const twice = (text: string, member: string, value: unknown) =>
    `${text.slice(0, -1)},${JSON.stringify(member)}:${JSON.stringify(value)}}`;
  for (const [member, value] of Object.entries(options.claims))
    add(`claim ${member} twice`, await signText(headText, twice(claimsText, member, value)));
  for (const [member, value] of Object.entries(header))
    add(`header ${member} twice`, await signText(twice(headText, member, value), claimsText));
  add("a claim twice, once escaped", await signText(headText, `{"exp":4102444800,${claimsText.slice(1).replace('"exp"', '"\\u0065xp"')}`));
  add("a byte order mark before the claims", await signText(headText, `\ufeff${claimsText}`));
  add("a byte order mark before the header", await signText(`\ufeff${headText}`, claimsText));
  for (const text of ["null", "[]", '"text"', "1", "", "{", "{}", `[${claimsText}]`, `${claimsText}${claimsText}`, `${claimsText}x`]) {
    add(`claims are ${JSON.stringify(text.slice(0, 12))}`, await signText(headText, text));
    add(`the header is ${JSON.stringify(text.slice(0, 12))}`, await signText(text === claimsText ? "{" : text, claimsText));
  }
  add("claims in UTF-16", await signText(headText, Buffer.from(claimsText, "utf16le").toString("latin1")));
  add("claims nested too deep", await signText(headText, twice(claimsText, "deep", JSON.parse(`${"[".repeat(200)}${"]".repeat(200)}`))));

  for (let bit = 0; bit < 8; bit++) add(`signature with bit ${bit} flipped`, `${head}.${payload}.${flip(signature, bit * 61)}`);
  for (let bit = 0; bit < 4; bit++) add(`claims with bit ${bit} flipped`, `${head}.${flip(payload, 8 + bit * 97)}.${signature}`);
  for (const second of spellings(signature))
    add(`a second spelling of the signature: …${second.slice(-2)}`, `${head}.${payload}.${second}`);
  const padded = await paddedParts(sign, header, options.claims);
  for (const second of spellings(padded[0])) add("a second spelling of the header", `${second}.${padded[1]}.${padded[2]}`);
  for (const second of spellings(padded[1])) add("a second spelling of the claims", `${padded[0]}.${second}.${padded[2]}`);
  for (const extra of ["=", "==", " ", "\n", "\r\n", "\t", "\u0000", "\u00a0", "\u200b", "%20", "A", ".", "..", ".A", "~", "+", "/"]) {
    add(`after the signature ${JSON.stringify(extra)}`, `${good}${extra}`);
    add(`after the header ${JSON.stringify(extra)}`, `${head}${extra}.${payload}.${signature}`);
    add(`before it all ${JSON.stringify(extra)}`, `${extra}${good}`);
  }
  add("base64 in place of base64url", `${head}.${payload}.${Buffer.from(signature, "base64url").toString("base64")}`);
  add("fullwidth dots", good.replaceAll(".", "\uff0e"));
  add("a Cyrillic letter in the header", good.replace("e", "\u0435"));
  const parts: Record<string, readonly string[]> = {
    "no signature": [head, payload, ""],
    "no claims": [head, "", signature],
    "no header": ["", payload, signature],
    "two parts": [head, payload],
    "one part": [head],
    "four parts": [head, payload, signature, signature],
    "parts in another order": [payload, head, signature],
    "five parts, a JWE's number": [head, "", b64("iv"), payload, signature],
    "a signature of zeros": [head, payload, b64(new Uint8Array(64))],
    "a signature of ones": [head, payload, b64(new Uint8Array(64).fill(255))],
    "half a signature": [head, payload, signature.slice(0, 43)],
    "a signature twice": [head, payload, signature + signature],
    "a random signature": [head, payload, b64(randomBytes(64))],
  };
  for (const [name, list] of Object.entries(parts)) add(name, list.join("."));
  add(
    "two signatures, JSON serialization",
    JSON.stringify({
      payload,
      signatures: [
        { protected: head, signature },
        { protected: head, signature: b64(randomBytes(64)) },
      ],
    }),
  );
  add("flattened JSON serialization", JSON.stringify({ payload, protected: head, signature }));
  add("a list of tokens", `${good},${good}`);
  add("a token in quotes", `"${good}"`);
  add("Bearer before it", `Bearer ${good}`);
  add("a nested JWT", await new CompactSign(Buffer.from(good)).setProtectedHeader({ ...header, cty: "JWT" }).sign(key.key));
  add("a nested JWT without cty", await new CompactSign(Buffer.from(good)).setProtectedHeader(header).sign(key.key));
  add("a JWE", await new EncryptJWT({ ...options.claims }).setProtectedHeader({ alg: "dir", enc: "A256GCM" }).encrypt(randomBytes(32)));
  add("a megabyte of claims", await sign(header, { ...options.claims, filling: "x".repeat(1_000_000) }));
  add("a megabyte of header", await sign({ ...header, kid: "k".repeat(1_000_000) }));
  add("nothing", "");
  return attacks;
}

const hmac = (head: string, payload: string, secret: Uint8Array): string =>
  `${head}.${payload}.${createHmac("sha256", secret).update(`${head}.${payload}`).digest("base64url")}`;

function flip(segment: string, bit: number): string {
  const bytes = Buffer.from(segment, "base64url");
  bytes[Math.floor(bit / 8) % bytes.length]! ^= 1 << (bit % 8);
  return bytes.toString("base64url");
}

/** Other texts that decode to the same bytes. */
function spellings(segment: string): string[] {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const bytes = Buffer.from(segment, "base64url");
  return [...alphabet]
    .map((last) => segment.slice(0, -1) + last)
    .filter((other) => other !== segment && Buffer.from(other, "base64url").equals(bytes));
}

/** A token of which header and claims both leave bits over in their last character. */
async function paddedParts(
  sign: (head: object, payload: unknown) => Promise<string>,
  header: object,
  claims: Readonly<Record<string, unknown>>,
): Promise<[string, string, string]> {
  for (const filling of ["", "x", "xx"]) {
    for (const first of [header, { ...header, typ: "at+jwt" }]) {
      const [head = "", payload = "", signature = ""] = (await sign(first, { ...claims, filling })).split(".");
      if (payload.length % 4 !== 0) return [head, payload, signature];
    }
  }
  throw new Error("no filling leaves bits over");
}
