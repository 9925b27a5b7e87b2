import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { payments } from "../src/documents.ts";
import { type Checked, sharedTenant, type Tenant } from "../src/tenant.ts";

const read = (name: string) => JSON.parse(readFileSync(new URL(`../../vectors/digests/${name}`, import.meta.url), "utf8")) as unknown;

let tenant: Tenant;

beforeAll(async () => {
  tenant = await sharedTenant("digest");
  await tenant.publish(payments);
  await tenant.register("finance-agent");
});

/** Asks with arguments exactly as written. */
const digestOf = async (args: string) => {
  const call = ["--agent", "finance-agent", "--tool", "stripe-payments", "--action", "look", "--args", args];
  const answer = await tenant.cli.json<Checked>(["check", "--tenant", tenant.name, ...call], "any");
  return answer.actionDigest;
};

/** From the published canonical text alone: no code of the product takes part. */
const expected = (canonicalArguments: string) => {
  const action = `{"action":"look","agent":"finance-agent","arguments":${canonicalArguments},"tenant":"${tenant.name}","tool":"stripe-payments"}`;
  return `sha256:${createHash("sha256").update(action, "utf8").digest("hex")}`;
};

test("the digest of a call is SHA-256 over the canonical text that RFC 8785 publishes for its examples", async () => {
  const cases = read("canonical.json") as { name: string; text: string; canonical: string }[];
  for (const { name, text, canonical } of cases.filter((one) => one.name.startsWith("RFC 8785")))
    expect(await digestOf(`{"v":${text}}`), name).toBe(expected(`{"v":${canonical}}`));
  const all = cases.map(({ text }) => text).join(",");
  expect(await digestOf(`{"v":[${all}]}`)).toBe(expected(`{"v":[${cases.map(({ canonical }) => canonical).join(",")}]}`));
});

test("every double of RFC 8785 appendix B, written with twenty digits, counts in its shortest form", async () => {
  const { cases } = read("numbers.json") as { cases: { bits: string; text: string | null }[] };
  const finite = cases.filter((one): one is { bits: string; text: string } => one.text !== null);
  const written = finite.map(({ bits }) => Buffer.from(bits, "hex").readDoubleBE(0).toExponential(20));
  expect(await digestOf(`{"v":[${written.join(", ")}]}`)).toBe(expected(`{"v":[${finite.map(({ text }) => text).join(",")}]}`));
});
