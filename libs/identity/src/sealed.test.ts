import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { openBytes, sealBytes } from "./sealed.ts";

const secret = randomBytes(32);
const label = { kid: "key.1", for: "decision" };
const plain = Buffer.from("what is hers");

test("what was sealed opens with its key and its label, and never reads the same twice", async () => {
  const [one, two] = [await sealBytes(secret, label, plain), await sealBytes(secret, label, plain)];
  expect(Buffer.from(await openBytes(secret, label, one))).toEqual(plain);
  expect(one).not.toBe(two);
  expect(one).not.toContain(plain.toString("base64url"));
});

test("another key, another label and a changed text open nothing", async () => {
  const sealed = await sealBytes(secret, label, plain);
  const refused = { code: "precondition_failed" };
  await expect(openBytes(randomBytes(32), label, sealed)).rejects.toMatchObject(refused);
  await expect(openBytes(secret, { ...label, kid: "key.2" }, sealed)).rejects.toMatchObject(refused);
  await expect(openBytes(secret, { ...label, for: "another decision" }, sealed)).rejects.toMatchObject(refused);
  const [header, , ...rest] = sealed.split(".");
  await expect(openBytes(secret, label, [header, "", ...rest.toReversed()].join("."))).rejects.toMatchObject(refused);
  await expect(openBytes(secret, label, "no JWE")).rejects.toMatchObject(refused);
});
