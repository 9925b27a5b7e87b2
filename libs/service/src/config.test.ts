import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { baseConfig, loadConfig, natsConfig } from "./config.ts";

const shape = { ...baseConfig, postgresUrl: z.string(), keyFile: z.string() };

test("fields map to one prefix, and a secret may live in a file", () => {
  const file = join(mkdtempSync(join(tmpdir(), "config-")), "url");
  writeFileSync(file, "postgres://x\n");
  const config = loadConfig("AEGIS_X", shape, {
    AEGIS_X_INSTANCE: "x-0",
    AEGIS_X_HTTP_PORT: "9000",
    AEGIS_X_POSTGRES_URL_FILE: file,
    AEGIS_X_KEY_FILE: "/keys/x",
  });
  expect(config).toEqual({
    instance: "x-0",
    host: "127.0.0.1",
    httpPort: 9000,
    logLevel: "info",
    postgresUrl: "postgres://x",
    keyFile: "/keys/x",
  });
});

test("every fault is told at once, by the variable's name", () => {
  expect(() => loadConfig("AEGIS_X", shape, { AEGIS_X_HTTP_PORT: "70000", AEGIS_X_INSTANCE: "x" })).toThrow(
    /AEGIS_X_HTTP_PORT[\s\S]*AEGIS_X_POSTGRES_URL[\s\S]*AEGIS_X_KEY_FILE/,
  );
});

test("streams have one copy unless more are asked for, as many as JetStream can keep", () => {
  const read = (replicas?: string) => loadConfig("AEGIS_X", natsConfig, { AEGIS_X_NATS_REPLICAS: replicas }).natsReplicas;
  expect(read()).toBe(1);
  expect(read("3")).toBe(3);
  for (const wrong of ["0", "6", "2.5", "many"]) expect(() => read(wrong), wrong).toThrow("AEGIS_X_NATS_REPLICAS");
});
