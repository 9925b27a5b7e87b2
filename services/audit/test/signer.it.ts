import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { peerToken } from "@aegis/rpc/peer";
import { keyFile } from "@aegis/testkit/keys";
import { until } from "@aegis/testkit/until";
import { openCheckpoint, tenantKey } from "@aegis/tlog/checkpoint";
import { consistencyProof, type NodeReader, type TreeHead } from "@aegis/tlog/proof";
import { Frontier, leafHash } from "@aegis/tlog/tree";
import { afterAll, beforeAll, expect, test } from "vitest";
import { signerState } from "#outbound/signer-state.ts";
import { decision } from "./events.ts";
import { Fabric, type Running } from "./fabric.ts";

let fabric: Fabric;
let signer: Running;

beforeAll(async () => {
  fabric = await Fabric.start();
  signer = await fabric.startSigner();
});
afterAll(() => fabric[Symbol.asyncDispose]());

/** A tree of `size` leaves that differ by `salt`, and its proofs. */
function grown(size: number, salt: string): { heads: TreeHead[]; read: NodeReader } {
  const nodes = new Map<string, Uint8Array>();
  const frontier = Frontier.empty();
  const heads: TreeHead[] = [{ size: 0, root: frontier.root() }];
  for (let at = 0; at < size; at += 1) {
    frontier.append(leafHash(Buffer.from(`${salt} ${at}`)), (height, index, hash) => nodes.set(`${height}/${index}`, hash));
    heads.push({ size: at + 1, root: frontier.root() });
  }
  return { heads, read: async (height, index) => nodes.get(`${height}/${index}`) as Uint8Array };
}

const tree = grown(64, "true");
const forged = grown(64, "forged");

async function ask(origin: string, from: number, to: number, of = tree, credential = "audit-0"): Promise<Response> {
  const token = await peerToken({ keyFile: join(fabric.directory, `${credential}.jwk`), service: "audit", audience: "signer" })();
  const proof = await consistencyProof(from, to, of.read);
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
  return fetch(`${signer.url}/v1/checkpoints`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ origin, size: to, root: base64((of.heads[to] as TreeHead).root), from, proof: proof.map(base64) }),
  });
}

test("a tree that grows is signed at each size, and the same size again", async () => {
  for (const [from, to] of [
    [0, 3],
    [3, 3],
    [3, 10],
    [10, 64],
  ] as const) {
    const response = await ask("ledger.test/grows", from, to);
    const { note } = (await response.json()) as { note: string };
    expect(openCheckpoint(note, tenantKey(fabric.key, "grows"))).toMatchObject({ ok: true, checkpoint: { size: to } });
  }
});

test("a smaller tree, another tree of the same size, and one that does not continue the last are refused with what was signed", async () => {
  expect((await ask("ledger.test/stands", 0, 20)).status).toBe(200);
  for (const [from, to, of] of [
    [0, 10, tree],
    [20, 20, forged],
    [20, 30, forged],
    [10, 30, tree],
    [0, 30, tree],
  ] as const) {
    const response = await ask("ledger.test/stands", from, to, of);
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({
      code: "conflict",
      size: 20,
      root: Buffer.from((tree.heads[20] as TreeHead).root).toString("base64"),
    });
  }
  expect((await ask("ledger.test/stands", 20, 30)).status).toBe(200);
});

test("nobody but audit is answered", async () => {
  await keyFile(fabric.directory, "stranger");
  expect((await ask("ledger.test/closed", 0, 1, tree, "stranger")).status).toBe(401);
  expect(
    (await fetch(`${signer.url}/v1/checkpoints`, { method: "POST", body: "{}", headers: { "content-type": "application/json" } })).status,
  ).toBeGreaterThanOrEqual(400);
});

test("killed again and again while two histories compete, it signs at most one of them", async () => {
  const port = Number(new URL(signer.url).port);
  for (let round = 0; round < 6; round += 1) {
    const origin = `ledger.test/killed-${round}`;
    const signed = new Map<string, string>();
    const rivals = [ask(origin, 0, 5), ask(origin, 0, 7, forged), ask(origin, 0, 5, forged), ask(origin, 0, 9)];
    const kill = round % 2 === 0 ? signer.kill() : undefined;
    for (const rival of await Promise.allSettled(rivals)) {
      const response = rival.status === "fulfilled" && rival.value.ok ? await rival.value.json().catch(() => undefined) : undefined;
      const [, size, root] = (response as { note: string } | undefined)?.note.split("\n") ?? [];
      if (size !== undefined && root !== undefined) signed.set(root, size);
    }
    await kill;
    if (kill) signer = await fabric.startSigner(port);
    const { head } = await signerState(join(fabric.directory, "signer")).last(origin);
    const of = [tree, forged].find((each) => Buffer.from((each.heads[head.size] as TreeHead).root).equals(Buffer.from(head.root)));
    const own = new Set(of?.heads.map(({ root }) => Buffer.from(root).toString("base64")));
    expect([...signed.keys()].every((root) => own.has(root))).toBe(true);
    expect(Math.max(0, ...[...signed.values()].map(Number))).toBeLessThanOrEqual(head.size);
  }
}, 120_000);

test("of several processes that replace one state, exactly one does", async () => {
  const directory = await mkdtemp(join(tmpdir(), "aegis-signer-"));
  try {
    for (let round = 1; round <= 20; round += 1) {
      const writers = Array.from({ length: 4 }, () => signerState(directory));
      const { generation } = await (writers[0] as (typeof writers)[number]).last("o");
      const won = await Promise.all(
        writers.map((writer, at) => writer.replace("o", generation, { size: round * 10 + at, root: new Uint8Array(32) })),
      );
      expect(won.filter(Boolean)).toHaveLength(1);
      expect((await (writers[0] as (typeof writers)[number]).last("o")).head.size).toBe(round * 10 + won.indexOf(true));
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});

test("while the signer is away entries go on and no watermark moves; once it is back both catch up", async () => {
  const port = Number(new URL(signer.url).port);
  await signer.kill();
  const audit = await fabric.startAudit(signer);
  const heard: number[] = [];
  fabric.nats.bus.connection.subscribe("aegis.watermark.authz-0", {
    callback: (_, message) => void heard.push(message.json<{ sequence: number }>().sequence),
  });
  await fabric.publish(Array.from({ length: 10 }, (_, at) => decision({ tenant: "patient", sequence: at + 1 })));
  await until(async () => (await fabric.count("patient")) === 10);
  expect(heard).toEqual([]);
  signer = await fabric.startSigner(port);
  await until(() => heard.at(-1) === 10);
  expect((await fabric.verify(audit)).faults).toEqual([]);
  await audit.kill();
});

test("checkpoints wait for the interval, but not beyond so many entries", async () => {
  const audit = await fabric.startAudit(signer, { AEGIS_AUDIT_CHECKPOINT_INTERVAL_MS: "10000", AEGIS_AUDIT_CHECKPOINT_ENTRIES: "50" });
  await fabric.publish(Array.from({ length: 50 }, (_, at) => decision({ tenant: "many", sequence: at + 1, producer: "authz-1" })));
  await fabric.covered("many", 1, 8_000);
  await fabric.publish([decision({ tenant: "few", sequence: 51, producer: "authz-1" })]);
  await until(async () => (await fabric.count("few")) === 1);
  expect((await fabric.get(audit, "/tlog/few/checkpoint")).status).toBe(404);
  await audit.kill();
});
