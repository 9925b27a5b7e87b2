import { execFile } from "node:child_process";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { payments } from "../src/documents.ts";
import { sharedTenant } from "../src/tenant.ts";

/** The CLI as somebody has it who has no fabric: an empty home, no endpoints. */
function elsewhere(home: string, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const main = join(import.meta.dirname, "../../apps/cli/src/main.ts");
  const env = { PATH: process.env.PATH ?? "", HOME: home };
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args, "--data-dir", home], { env, cwd: home }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

test("a decision's receipt is checked with nothing but the CLI and a public key, and not once a byte of it changed", async () => {
  const tenant = await sharedTenant("receipt");
  await tenant.publish(payments);
  await tenant.register("finance-agent");
  const args = { amount: 10, currency: "USD", recipient: "acct_ink" };
  const { decisionId } = await tenant.check({ agent: "finance-agent", tool: "stripe-payments", action: "create_payment", args });

  const home = await mkdtemp(join(tmpdir(), "aegis-elsewhere-"));
  const file = join(home, "receipt.json");
  const written = () => tenant.cli.run("audit", "receipt", decisionId, "--tenant", tenant.name, "--out", file);
  await expect.poll(async () => (await written()).code, { timeout: 30_000, interval: 500 }).toBe(0);

  const key = (await readFile(join(tenant.fabric.dataDirectory, "keys/checkpoint.vkey"), "utf8")).trim();
  const checked = await elsewhere(home, "audit", "verify", "--receipt", file, "--key", key, "--json");
  expect([checked.code, checked.stderr]).toEqual([0, ""]);
  expect(JSON.parse(checked.stdout)).toMatchObject({ ok: true, entry: { id: decisionId, decision: "allow", tenant: tenant.name } });

  const receipt = JSON.parse(await readFile(file, "utf8")) as { leaf: string };
  const leaf = Buffer.from(receipt.leaf, "base64").toString().replace('"decision":"allow"', '"decision":"deny"');
  await writeFile(file, JSON.stringify({ ...receipt, leaf: Buffer.from(leaf).toString("base64") }));
  const forged = await elsewhere(home, "audit", "verify", "--receipt", file, "--key", key);
  expect([forged.code, forged.stdout]).toEqual([5, expect.stringContaining("NOT ok")]);
  expect((await elsewhere(home, "audit", "verify", "--receipt", file, "--key", "nonsense")).code).toBe(2);
});

test("a Merkle proof in a file is checked by anybody: 0 when it holds, 5 when not, 2 when it is none", async () => {
  const home = await mkdtemp(join(tmpdir(), "aegis-elsewhere-"));
  const check = async (proof: unknown) => {
    const file = join(home, "proof.json");
    await writeFile(file, JSON.stringify(proof));
    return (await elsewhere(home, "audit", "prove-check", file)).code;
  };
  // RFC 6962 §2.1.3's tree of one entry: its root is the leaf's own hash.
  const leafHash = "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=";
  const one = { leafIdx: 0, treeSize: 1, leafHash, root: leafHash, proof: null };
  expect([await check(one), await check({ ...one, leafIdx: 1 }), await check({ leaf: 1 })]).toEqual([0, 5, 2]);
});

test("a log that was taken out is verified with nothing but the CLI and a public key, in parts, and a changed byte is named", async () => {
  const tenant = await sharedTenant("offline");
  await tenant.publish(payments);
  await tenant.register("finance-agent");
  const args = { amount: 10, currency: "USD", recipient: "acct_ink" };
  await tenant.check({ agent: "finance-agent", tool: "stripe-payments", action: "create_payment", args });
  const home = await mkdtemp(join(tmpdir(), "aegis-elsewhere-"));
  const out = join(home, "log");
  const exported = () => tenant.cli.run("audit", "export", "--format", "tlog", "--tenant", tenant.name, "--out", out, "--json");
  await expect.poll(async () => (await exported()).code, { timeout: 30_000, interval: 500 }).toBe(0);

  const keys = join(home, "keys");
  await writeFile(keys, await readFile(join(tenant.fabric.dataDirectory, "keys/checkpoint.vkey"), "utf8"));
  const verify = (...more: string[]) => elsewhere(home, "audit", "verify", "--offline", out, "--keys", keys, "--json", ...more);
  const checked = await verify("--state", join(home, "state"));
  expect([checked.code, checked.stderr]).toEqual([0, ""]);
  const first = JSON.parse(checked.stdout) as { entries: number; checkpoints: number };
  expect(first).toMatchObject({ ok: true, tenants: 1, faults: [] });
  expect(Math.min(first.entries, first.checkpoints)).toBeGreaterThan(0);
  expect((await verify("--state", join(home, "state"))).code).toBe(0);

  const bundle = join(out, tenant.name, "tile/entries", `000.p/${first.entries}`);
  const bytes = await readFile(bundle);
  await writeFile(bundle, Buffer.from(bytes.toString("latin1").replace('"sequence":0', '"sequence":9'), "latin1"));
  const forged = await verify();
  expect(forged.code).toBe(5);
  const { ok, faults } = JSON.parse(forged.stdout) as { ok: boolean; faults: unknown[] };
  expect(ok).toBe(false);
  expect(faults[0]).toMatchObject({ tenant: tenant.name, sequence: 0, kind: "place" });
});
