import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "@aegis/service/logger";
import { openSpool } from "@aegis/spool/spool";
import { expect, test } from "vitest";

const rounds = 15;

test(`kill -9 at a random moment, ${rounds} times: everything promised is there, in order, without a gap`, async () => {
  const directory = mkdtempSync(join(tmpdir(), "spool-crash-"));
  const promised = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    const child = spawn(process.execPath, [join(import.meta.dirname, "writer-process.ts"), directory], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const stopAfter = 1 + Math.floor(Math.random() * 40_000);
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk;
      if (output.length > stopAfter) child.kill("SIGKILL");
    });
    await once(child, "close");
    for (const line of output.split("\n").slice(0, -1)) {
      const [epoch, sequence] = line.split(" ") as [string, string];
      promised.set(epoch, Math.max(promised.get(epoch) ?? 0, Number(sequence)));
    }
  }
  await using spool = await openSpool({
    directory,
    logger: createLogger({ service: "test", instance: "test", level: "silent" }),
    limits: { maxBytes: 1e9 },
  });
  await spool.append(() => Buffer.from("end"), "T1");
  const found = new Map<string, number>();
  await using reader = spool.reader();
  reading: for (;;) {
    for (const record of await reader.read(1000)) {
      if (record.epoch === spool.epoch) break reading;
      expect(record.sequence).toBe((found.get(record.epoch) ?? 0) + 1);
      expect(String(record.body)).toBe(`event ${record.sequence}`);
      found.set(record.epoch, record.sequence);
    }
  }
  expect(promised.size).toBe(rounds);
  for (const [epoch, sequence] of promised) expect(found.get(epoch)).toBeGreaterThanOrEqual(sequence);
});
