import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../../..");
const directory = mkdtempSync(join(tmpdir(), "aegis-validate-"));
afterAll(() => rmSync(directory, { recursive: true }));

function validate(args: readonly string[], input: string | Uint8Array = "") {
  const options = { encoding: "utf8", input, cwd: directory, timeout: 20_000, killSignal: "SIGKILL" } as const;
  const { status, stdout, stderr } = spawnSync(join(root, "aegis"), ["policy", "validate", ...args], options);
  return { status, stdout, stderr };
}

const broken = "agent: a\nallowed_tool: []\n";
writeFileSync(join(directory, "b.yaml"), broken);
writeFileSync(join(directory, "a.json"), '{"agent":"c","allowed_tools":[]}');
writeFileSync(join(directory, "notes.txt"), "no policy");

test("a directory and standard input are read, faults are sorted and counted, and the status is 3", () => {
  const { status, stdout } = validate([".", "-"], "agent: d\nallowed_tools: 1\n");
  expect(stdout.split("\n")).toEqual([
    'b.yaml:1:1 missing_key the document has no "allowed_tools" — add "allowed_tools"',
    'b.yaml:2:1 unknown_key "allowed_tool" means nothing in a policy document — did you mean "allowed_tools"?',
    "<stdin>:2:16 wrong_type allowed_tools is a number — write a list of tools",
    "3 faults in 3 files",
    "",
  ]);
  expect(status).toBe(3);
});

test("with --json there is one document with ok, faults and warnings", () => {
  const { status, stdout } = validate(["-", "--json"], "agent: d\nallowed_tools: 1\n");
  const fault = { file: "<stdin>", line: 2, column: 16, code: "wrong_type", message: expect.any(String), hint: "write a list of tools" };
  expect(JSON.parse(stdout)).toEqual({ ok: false, faults: [fault], warnings: [] });
  expect(status).toBe(3);
});

test("bytes that are not UTF-8 are a fault with a place", () => {
  const { status, stdout } = validate(["-"], Buffer.from("agent: a # \xff\nallowed_tools: []\n", "latin1"));
  expect(stdout).toMatch(/^<stdin>:1:12 invalid_text /);
  expect(status).toBe(3);
});

test("a bomb on standard input is refused like any fault", () => {
  const { status, stdout } = validate(["-"], "[".repeat(1_000_000));
  expect(stdout).toMatch(/^<stdin>:1:33 too_deep .*\n1 fault in 1 file\n$/);
  expect(status).toBe(3);
});

test("a warning refuses nothing", () => {
  const text = 'agent: a\nallowed_tools: [{ name: t, actions: [x], conditions: { c_matches: "USD|EUR" } }]\n';
  const { status, stdout } = validate(["-"], text);
  expect(stdout).toMatch(/^<stdin>:2:67 warning unanchored_pattern .*\n1 file is valid, with 1 warning\n$/);
  expect(status).toBe(0);
});
