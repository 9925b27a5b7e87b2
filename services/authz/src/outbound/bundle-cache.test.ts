import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { bundleCache } from "./bundle-cache.ts";

const newDirectory = () => mkdtempSync(join(tmpdir(), "cache-"));
const highWater = { revision: 7, digest: "sha256:x" };

test("what was saved is loaded, and a renewed head keeps its bundle", async () => {
  const directory = newDirectory();
  expect(await bundleCache(join(directory, "none")).load()).toEqual([]);
  const bundle = Buffer.from([1, 10, 2, 10]);
  await bundleCache(directory).save("acme", { head: "a.b.c", bundle, highWater });
  await bundleCache(directory).save("acme", { head: "d.e.f", highWater });
  expect(await bundleCache(directory).load()).toEqual([{ tenant: "acme", head: "d.e.f", bundle, highWater }]);
});

test("a damaged high-water mark stops the start instead of opening the way back", async () => {
  const directory = newDirectory();
  await bundleCache(directory).save("acme", { head: "a.b.c", bundle: Buffer.from("x"), highWater });
  writeFileSync(join(directory, "acme", "high-water.json"), "{");
  await expect(bundleCache(directory).load()).rejects.toMatchObject({ code: "precondition_failed" });
});
