import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");

/** Plants every file in a tree of its own under the project's rules, runs the checker once, and gives what it said of each. */
function check(files: readonly (readonly [path: string, code: string])[]): readonly string[] {
  const tree = mkdtempSync(join(tmpdir(), "boundaries-"));
  const rules = JSON.parse(readFileSync(join(root, "biome.json"), "utf8")) as Record<string, unknown>;
  writeFileSync(join(tree, "biome.json"), JSON.stringify({ ...rules, vcs: { enabled: false } }));
  const paths = files.map(([path], index) => path.replace("planted", `planted-${index}`));
  for (const [index, path] of paths.entries()) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), files[index]?.[1] ?? "");
  }
  const run = spawnSync(join(root, "node_modules/.bin/biome"), ["lint", "--colors=off", "--max-diagnostics=none", "."], {
    cwd: tree,
    encoding: "utf8",
  });
  const said = (run.stdout + run.stderr).split(/^(?=(?:services|libs)\/)/m);
  return paths.map((path) => said.filter((part) => part.startsWith(path)).join(""));
}

const use = (specifier: string) => `import { thing } from "${specifier}";\nexport const used = thing;\n`;

const planted: readonly [rule: string, path: string, code: string, message: string][] = [
  ["domain imports a platform lib", "services/token/src/domain/planted.ts", use("@aegis/bus/connect"), "domain/ decides and does no I/O"],
  ["domain imports node", "services/authz/src/domain/planted.ts", use("node:fs"), "domain/ decides and does no I/O"],
  ["domain imports a package", "services/budget/src/domain/planted.ts", use("kysely"), "domain/ decides and does no I/O"],
  ["domain imports a use case", "services/audit/src/domain/planted.ts", use("#usecases/append.ts"), "domain/ decides and does no I/O"],
  ["domain climbs out", "services/audit/src/domain/planted.ts", use("../outbound/ledger-store.ts"), "domain/ decides and does no I/O"],
  ["domain reads the clock", "services/token/src/domain/planted.ts", "export const now = () => Date.now();\n", "take `now` as an argument"],
  [
    "domain reads the environment",
    "services/token/src/domain/planted.ts",
    "export const home = () => process.env.HOME;\n",
    "domain/ reads no environment",
  ],
  ["domain calls out", "services/token/src/domain/planted.ts", 'export const ask = () => fetch("http://x");\n', "domain/ does no I/O"],
  [
    "domain keeps a timer",
    "services/token/src/domain/planted.ts",
    "export const later = (f: () => void) => setTimeout(f, 1);\n",
    "domain/ keeps no timers",
  ],
  [
    "use case imports an adapter",
    "services/approvals/src/usecases/planted.ts",
    use("#outbound/approval-store.ts"),
    "usecases/ reach the world only through ./ports.ts",
  ],
  [
    "use case imports a platform lib",
    "services/approvals/src/usecases/planted.ts",
    use("@aegis/postgres/tenant"),
    "usecases/ reach the world only through ./ports.ts",
  ],
  ["inbound imports outbound", "services/policy-compiler/src/inbound/planted.ts", use("#outbound/bundles.ts"), "inbound/ calls usecases/"],
  ["outbound imports inbound", "services/policy-compiler/src/outbound/planted.ts", use("#inbound/http.ts"), "outbound/ implements ports"],
  ["a lib knows a service", "libs/bus/src/planted.ts", use("../../../services/authz/src/config.ts"), "libs/ know no service"],
  ["a pure lib imports a platform lib", "libs/policy/src/planted.ts", use("@aegis/bus/connect"), "a pure lib does no I/O"],
  ["a pure lib opens files", "libs/tlog/src/planted.ts", use("node:fs"), "a pure lib does no I/O"],
  ["anything is typed any", "libs/spool/src/planted.ts", "export const x: any = 1;\n", "noExplicitAny"],
];

const caught = check(planted.map(([, path, code]) => [path, code] as const));

test.each(planted.map(([rule, , , message], index) => [rule, message, index] as const))("%s: caught", (_rule, message, index) => {
  expect(caught[index]).toContain(message);
});

const allowed: readonly [path: string, code: string][] = [
  ["services/authz/src/domain/planted.ts", use("@aegis/policy/snapshot")],
  ["services/authz/src/domain/planted.ts", use("./call.ts")],
  ["services/authz/src/usecases/planted.ts", use("#domain/call.ts")],
  ["services/authz/src/usecases/planted.ts", use("./ports.ts")],
  ["services/authz/src/inbound/planted.ts", use("#usecases/check.ts")],
  ["services/authz/src/outbound/planted.ts", use("@aegis/bus/publish")],
  ["libs/bus/src/planted.ts", use("@aegis/contracts/subjects")],
  ["libs/policy/src/planted.ts", use("@aegis/canonical/jcs")],
];

const passed = check(allowed);

test.each(allowed.map(([path, code], index) => [path, code.split("\n")[0] ?? "", index] as const))(
  "%s may say: %s",
  (_path, _code, index) => {
    expect(passed[index]).toBe("");
  },
);

test("nobody can import a service", () => {
  const code = 'await import("@aegis/token/src/config.ts").then(() => process.exit(0), (e) => { console.log(e.code); process.exit(1); });';
  const run = spawnSync(join(root, "node_modules/.bin/node"), ["--input-type=module", "-e", code], {
    cwd: join(root, "services/authz"),
    encoding: "utf8",
  });
  expect([run.status, run.stdout.trim()]).toEqual([1, "ERR_PACKAGE_PATH_NOT_EXPORTED"]);
});
