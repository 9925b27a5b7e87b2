import { until } from "@aegis/testkit/until";
import { cosignedAt } from "@aegis/tlog/cosignature";
import { afterAll, beforeAll, expect, test } from "vitest";
import { registered } from "./events.ts";
import { Fabric, type Running } from "./fabric.ts";
import { startWitness, type TestWitness } from "./witness.ts";

let fabric: Fabric;
let audit: Running;
let witness: TestWitness;

beforeAll(async () => {
  fabric = await Fabric.start();
  witness = await startWitness("witness.test/w1", fabric.key);
  const settings = { AEGIS_AUDIT_WITNESSES: witness.setting, AEGIS_AUDIT_WITNESS_INTERVAL_MS: "100" };
  audit = await fabric.startAudit(await fabric.startSigner(), settings);
});
afterAll(async () => {
  await fabric[Symbol.asyncDispose]();
  await witness[Symbol.asyncDispose]();
});

const served = async (tenant: string) => (await fabric.get(audit, `/tlog/${tenant}/checkpoint`)).text();

/** The size under which a witness' line stands by now. */
async function witnessed(tenant: string, size: number): Promise<string> {
  const line = async () => {
    const note = await served(tenant);
    return note.split("\n")[1] === String(size) ? note.split("\n").find((each) => each.startsWith(`— ${witness.key.name} `)) : undefined;
  };
  await until(async () => (await line()) !== undefined, { what: `a witness signed ${size} of ${tenant}`, timeoutMs: 30_000 });
  return (await line()) as string;
}

test("each checkpoint is taken to the witness with a proof from what it saw last, and served with its signature", async () => {
  await fabric.publish([registered("acme"), registered("acme"), registered("acme")]);
  await fabric.covered("acme", 3);
  await witnessed("acme", 3);
  await fabric.publish(Array.from({ length: 5 }, () => registered("acme")));
  await fabric.covered("acme", 8);
  const line = await witnessed("acme", 8);
  expect(cosignedAt(await served("acme"), line, witness.key)).toBeInstanceOf(Date);
  expect(cosignedAt((await served("acme")).replace("\n8\n", "\n9\n"), line, witness.key)).toBeUndefined();
  expect(cosignedAt(await served("acme"), line, { ...witness.key, name: "witness.test/w2" })).toBeUndefined();
  expect((await fabric.verify(audit)).faults).toEqual([]);
});

test("a witness that remembers another size is asked again from there", async () => {
  await fabric.publish([registered("globex"), registered("globex")]);
  await fabric.covered("globex", 2);
  await witnessed("globex", 2);
  witness.forget(`${fabric.key.name}/globex`);
  await fabric.publish([registered("globex")]);
  await fabric.covered("globex", 3);
  await witnessed("globex", 3);
  expect(witness.answers).toContain(409);
});
