import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "@aegis/testkit/until";
import { expect, test } from "vitest";
import { PartLog } from "./part-log.ts";

test("a log that could not be written is written again once it can be", async () => {
  const root = await mkdtemp(join(tmpdir(), "aegis-log-"));
  const path = join(root, "logs", "one.log");
  const lines: string[] = [];
  const log = new PartLog(path, (line) => lines.push(line));
  log.write(Buffer.from("lost\n"));
  await until(() => log.broken);
  await mkdir(join(root, "logs"));
  log.write(Buffer.from("kept\n"));
  await log.close();
  expect(await readFile(path, "utf8")).toBe("kept\n");
  expect(lines).toEqual(["lost", "kept"]);
  await rm(root, { recursive: true });
});
