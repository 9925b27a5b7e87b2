import { expect, test } from "vitest";
import { isChatter, lastComplaint, readable } from "./log-format.ts";

test("a JSON line becomes time, process, level, message and what else it carries", () => {
  const line = JSON.stringify({
    level: 40,
    time: Date.UTC(2026, 0, 2, 3, 4, 5, 6),
    pid: 1,
    instance: "authz-0",
    msg: "slow",
    ms: 12,
    err: { message: "why" },
  });
  expect(readable("authz-0", line)).toBe("03:04:05.006 authz-0          warn  slow ms=12 error=why");
});

test("a line that is not JSON is shown as it is", () => {
  expect(readable("nats", "[1] hello")).toContain("[1] hello");
  expect(readable("nats", "{not json")).toContain("{not json");
});

test("the last complaint is the last error, with its cause", () => {
  const log = [
    JSON.stringify({ level: 60, msg: "old" }),
    JSON.stringify({ level: 60, msg: "configuration is not usable", err: { message: "AEGIS_TOKEN_HTTP_PORT: missing" } }),
    JSON.stringify({ level: 30, msg: "stopping" }),
  ].join("\n");
  expect(lastComplaint(log)).toBe("configuration is not usable: AEGIS_TOKEN_HTTP_PORT: missing");
  expect(lastComplaint("")).toBeUndefined();
});

test("what the stores say when all is well is chatter, what goes wrong is not", () => {
  expect(isChatter("nats", "[1] 2026/01/01 [INF] Server is ready")).toBe(true);
  expect(isChatter("nats", "[1] 2026/01/01 [ERR] no")).toBe(false);
  expect(isChatter("postgres", "2026-01-01 UTC [1] LOG:  ready")).toBe(true);
  expect(isChatter("postgres", "2026-01-01 UTC [1] FATAL:  no")).toBe(false);
});
