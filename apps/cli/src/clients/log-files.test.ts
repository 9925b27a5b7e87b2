import { generateKeyPairSync } from "node:crypto";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { signCheckpoint } from "@aegis/tlog/checkpoint";
import { encodeLeaf, noPrevious } from "@aegis/tlog/leaf";
import { rawPublicKey, verifierKey } from "@aegis/tlog/note";
import { entryBundle, hashTile, tilePath, tileWidth } from "@aegis/tlog/tiles";
import { Frontier, leafHash } from "@aegis/tlog/tree";
import { afterAll, beforeAll, expect, test } from "vitest";
import { verifyFiles } from "./log-files.ts";

const bundles = 4;
const { privateKey } = generateKeyPairSync("ed25519");
const keys = [verifierKey("ledger.test", rawPublicKey(privateKey))];
let directory: string;

const pathOf = (level: 0 | "entries", index: number) => join(directory, "acme", tilePath({ level, index, width: tileWidth }));

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "aegis-log-"));
  const frontier = Frontier.empty();
  let previous = noPrevious;
  for (let index = 0; index < bundles; index++) {
    const leaves = Array.from({ length: tileWidth }, (_, at) => {
      const header = { tenant: "acme", kind: "control", subject: "aegis.x.acme.y", recordedAt: "2026-01-01T00:00:00.000Z" } as const;
      const sequence = index * tileWidth + at;
      const leaf = encodeLeaf({ ...header, sequence, previous, event: Buffer.from("{}") });
      previous = Buffer.from(leafHash(leaf)).toString("hex");
      frontier.append(leafHash(leaf));
      return leaf;
    });
    for (const level of [0, "entries"] as const) await mkdir(dirname(pathOf(level, index)), { recursive: true });
    await writeFile(pathOf(0, index), hashTile(leaves.map(leafHash)));
    await writeFile(pathOf("entries", index), entryBundle(leaves));
  }
  const checkpoint = signCheckpoint({ origin: "ledger.test/acme", size: frontier.size, root: frontier.root() }, privateKey);
  await writeFile(join(directory, "acme", "checkpoint"), checkpoint);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test("a verification that was ended in the middle of a log goes on from there", async () => {
  const stateFile = join(directory, "state.json");
  const last = pathOf("entries", bundles - 1);
  await rename(last, `${last}.away`);
  // A directory cannot be read: the run ends as if it had been killed.
  await mkdir(last);
  await expect(verifyFiles(directory, { keys, stateFile, keepEachMs: 0 })).rejects.toThrow();
  await rm(last, { recursive: true });
  await rename(`${last}.away`, last);
  const result = await verifyFiles(directory, { keys, stateFile });
  expect(result).toMatchObject({ ok: true, entries: bundles * tileWidth, resumed: (bundles - 1) * tileWidth, checkpoints: 1 });
});
