import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { detectorNames } from "@aegis/dlp/detect";
import { beforeAll, expect, test } from "vitest";
import { sharedTenant, type Tenant } from "../src/tenant.ts";

const policy = `apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: notes }
spec:
  agents: [notes-agent]
  dlp:
    - { detect: [${[...detectorNames, "badge_number"].join(", ")}], action: redact }
  tools:
    - name: stripe-payments
      actions: [{ name: note, parameters: { text: { type: string } }, additional_parameters: allow }, { name: file, parameters: { n: { type: integer } } }]
---
apiVersion: aegis.dev/v1
kind: Governance
metadata: { name: ground-rules }
spec:
  detectors:
    - { name: badge_number, pattern: '\\bB[0-9]{6}\\b', context: [badge] }
`;

/** For each detector a text and what in it must be found; each value is nowhere else in the fabric. */
const texts: Readonly<Record<string, readonly [text: string, value: string]>> = {
  email: ["write to zq7.leak@example.com", "zq7.leak@example.com"],
  phone: ["call +49 30 90182047", "+49 30 90182047"],
  credit_card: ["card 4929135724680131", "4929135724680131"],
  iban: ["pay DE44500105175407324931", "DE44500105175407324931"],
  us_ssn: ["ssn 536-22-7741", "536-22-7741"],
  us_itin: ["itin 956-77-4821", "956-77-4821"],
  uk_nhs: ["NHS 615 772 8418", "615 772 8418"],
  ip: ["from 203.0.113.217", "203.0.113.217"],
  mac: ["device 02:9a:5e:41:c7:d3", "02:9a:5e:41:c7:d3"],
  date_of_birth: ["born 1971-08-23", "1971-08-23"],
  medical_record_number: ["MRN 77130459", "77130459"],
  passport: ["passport C9X04T618", "C9X04T618"],
  crypto_wallet: ["send to 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"],
  url_credentials: ["postgres://svc:Zk9leakQ7w@db.internal/x", "svc:Zk9leakQ7w"],
  secret: ["token ghp_q7Rw2Ty8Ui3Op5As9Df1Gh4Jk6Lz0Xc2Vb7N", "ghp_q7Rw2Ty8Ui3Op5As9Df1Gh4Jk6Lz0Xc2Vb7N"],
  badge_number: ["badge B774193", "B774193"],
};
const values = Object.values(texts).map(([, value]) => value);

let tenant: Tenant;

beforeAll(async () => {
  tenant = await sharedTenant("values");
  await tenant.publish(policy);
  await tenant.register("notes-agent");
});

const ask = (args: Record<string, unknown>, ...more: string[]) =>
  tenant.check({ agent: "notes-agent", tool: "stripe-payments", action: "note", args, more });

test("every detector is here", () => {
  expect(Object.keys(texts)).toEqual([...detectorNames, "badge_number"]);
});

test("whatever is found in a text is replaced in the answer, and told by its pointer and detector", async () => {
  const answer = await ask({ text: "", ...Object.fromEntries(Object.values(texts).map(([text], index) => [`n${index}`, text])) });
  expect(answer.decision).toBe("sanitize");
  expect(answer.redactions).toEqual(Object.keys(texts).map((detector, index) => ({ pointer: `/n${index}`, detector, count: 1 })));
  for (const value of values) expect(JSON.stringify(answer)).not.toContain(value);
});

test("a number is replaced by a number, and a member's name by another", async () => {
  const answer = await ask({ text: "", card: 4929135724680131, [texts.email?.[1] ?? ""]: { count: 12345 } });
  expect(answer.arguments).toEqual({ text: "", card: 0, "[REDACTED:email]": { count: 12345 } });
});

test("no value is in anything that the fabric wrote: logs, spools, streams, tables, nor in what it shows", async () => {
  const everything = Object.values(texts).map(([text]) => text);
  const joined = everything.join(" ; ");
  const asked = [
    await ask({ text: joined }, "--reasoning", joined.slice(0, 900)),
    await ask({ text: "", [joined]: [everything] }),
    await ask({ text: 7, more: everything }),
    await tenant.check({ agent: "notes-agent", tool: "stripe-payments", action: "unknown", args: { a: everything } }),
    await ask({ text: "x" }, "--url", `https://svc:Zk9leakQ7w@books.test/?to=zq7.leak@example.com&card=4929135724680131`),
    await ask({ text: "", ssn: 536_227_741, card: 4929135724680131 }),
  ];
  expect(asked.map(({ decision }) => decision)).toContain("deny");
  await tenant.cli.run(
    "outcome",
    "--tenant",
    tenant.name,
    "--agent",
    "notes-agent",
    "--decision-id",
    asked[0]?.decisionId ?? "",
    "--outcome",
    "failed",
    "--error",
    everything.slice(0, 12).join("; "),
  );
  const last = asked.at(-1)?.decisionId;
  await expect
    .poll(() => tenant.cli.json<{ id: string }[]>(["audit", "query", "--tenant", tenant.name, "--limit", "500"]), { timeout: 20_000 })
    .toContainEqual(expect.objectContaining({ id: last }));
  for (const { decisionId } of asked) {
    const { stdout } = await tenant.cli.run("audit", "show", decisionId, "--tenant", tenant.name, "--json");
    expect(stdout).toContain(decisionId);
    for (const value of values) expect(stdout).not.toContain(value);
  }
  const needles = [...values, "536227741"].map((value) => [value, Buffer.from(value)] as const);
  // A value that is meant to be there shows that the search would find one.
  const control = Buffer.from(tenant.name);
  let seen = 0;
  for (const file of await filesUnder(tenant.fabric.dataDirectory)) {
    const bytes = await readFile(file).catch(() => Buffer.alloc(0));
    if (bytes.includes(control)) seen++;
    for (const [value, needle] of needles) expect(bytes.includes(needle), `${value} in ${file}`).toBe(false);
  }
  expect(seen).toBeGreaterThan(2);
});

async function filesUnder(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
