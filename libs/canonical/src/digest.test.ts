import { readFileSync } from "node:fs";
import { digestPattern } from "@aegis/contracts/names";
import { expect, test } from "vitest";
import { type Action, actionDigest, digestOf, sha256 } from "./digest.ts";
import { canonicalize } from "./jcs.ts";

const vectors = JSON.parse(readFileSync(new URL("../../../vectors/digests/actions.json", import.meta.url), "utf8")) as {
  name: string;
  call: Action;
  canonical: string;
  digest: string;
}[];

test.each(vectors)("action digest: $name", ({ call, canonical, digest }) => {
  expect(canonicalize(call)).toBe(canonical);
  expect(actionDigest(call)).toBe(digest);
  expect(digest).toMatch(digestPattern);
});

test("only the named members count: nothing else a caller adds changes the digest", () => {
  const call: Action = { tenant: "acme", agent: "a", tool: "t", action: "x", arguments: {} };
  expect(actionDigest({ ...call, reasoning: "because", destination: undefined, subject: undefined } as Action)).toBe(actionDigest(call));
  expect(actionDigest({ ...call, subject: "user:u" })).not.toBe(actionDigest(call));
});

test("SHA-256 of the empty text and of bytes (FIPS 180-4)", () => {
  expect(sha256("")).toBe("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  expect(sha256(new TextEncoder().encode("abc"))).toBe("sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  expect(digestOf({})).toBe(sha256("{}"));
});
