import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../../..");
const directory = mkdtempSync(join(tmpdir(), "aegis-faults-"));
const file = join(directory, "file");
writeFileSync(file, "");
afterAll(() => rmSync(directory, { recursive: true }));

function run(command: string, args: readonly string[], environment: Record<string, string> = {}) {
  const options = { encoding: "utf8", timeout: 20_000, killSignal: "SIGKILL", env: { ...process.env, ...environment } } as const;
  const { status, stdout, stderr } = spawnSync(command, args, options);
  return { status, stdout, stderr };
}
const aegis = (...args: string[]) => run(join(root, "aegis"), args);

test.each([
  "nosuch --json",
  "check --json",
  "policy --json",
  "budget set --json",
  "--json",
  "mcp --help --json",
  "bench check --nosuch --json",
])("a usage error with --json is one JSON document and status 2: %s", (line) => {
  const { status, stdout } = aegis(...line.split(" "));
  expect(JSON.parse(stdout)).toEqual({ error: { message: expect.stringMatching(/^[^\n]+$/) } });
  expect(status).toBe(2);
});

test.each(["mcp --help", "policy nosuch --help", "help nosuch"])("help for a command that is not there is an error: %s", (line) => {
  const { status, stdout, stderr } = aegis(...line.split(" "));
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(/unknown command '(mcp|nosuch)'/);
});

test.each(["--help", "help", "policy --help", "help policy", "policy publish x --help"])("help is help: %s", (line) => {
  const { status, stdout } = aegis(...line.split(" "));
  expect(stdout).toContain("Usage: aegis");
  expect(status).toBe(0);
});

test("bench says what is wrong with its arguments and how to write them", () => {
  const { status, stderr } = aegis("bench", "check", "--nosuch");
  expect(stderr).toMatch(/^aegis: Unknown option '--nosuch'\nusage: aegis bench/);
  expect(status).toBe(2);
});

test.each([["up"], ["up", "--detach"]])("a data directory that cannot be made ends %s at once", (...up) => {
  const { status, stderr } = aegis(...up, "--data-dir", "/proc/x");
  expect(stderr).toBe("aegis: no directory can be made at /proc/x: name another with --data-dir\n");
  expect(status).toBe(1);
});

test.each([["up"], ["status"], ["down"]])("a data directory that is a file names the cure: %s", (command) => {
  const { status, stderr } = aegis(command, "--data-dir", file);
  expect(stderr).toMatch(/^aegis: .*a file, not a directory.*: name a directory with --data-dir\n$/);
  expect(status).toBe(1);
});

test("status names the endpoints file that is not there", () => {
  expect(aegis("status", "--endpoints", "/nonexist").stderr).toMatch(/^aegis: there is no \/nonexist: /);
});

test("without PATH the launcher says what is missing", () => {
  const { status, stderr } = run(join(root, "aegis"), ["--version"], { PATH: "" });
  expect(stderr).toMatch(/^aegis: \w+ is not on PATH \(empty\): [^\n]+\n$/);
  expect(status).toBe(1);
});

test("the LangGraph example without a fabric ends in one sentence", () => {
  const { status, stderr } = run(process.execPath, [join(root, "examples/langgraph/src/main.ts")], { AEGIS_ENDPOINTS: "/nonexist" });
  expect(stderr).toBe("cannot read /nonexist: start a fabric with ./aegis up, or set AEGIS_ENDPOINTS\n");
  expect(status).toBe(1);
});
