import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { services } from "@aegis/contracts/subjects";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const tracked = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { cwd: root, encoding: "utf8" })
  .split("\n")
  .filter(Boolean);
const manifests = tracked.filter((path) => path.endsWith("package.json"));

test.each(services)("%s has the shape of every service", (service) => {
  const at = `services/${service}`;
  for (const part of [
    "README.md",
    "package.json",
    "src/main.ts",
    "src/config.ts",
    "src/signals.ts",
    "src/inbound/http.ts",
    "src/usecases/ports.ts",
  ]) {
    expect(existsSync(join(root, at, part)), `${at}/${part}`).toBe(true);
  }
  expect(
    readdirSync(join(root, at, "src"), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort(),
  ).toEqual(["domain", "inbound", "outbound", "usecases"]);
  expect(read(`${at}/src/main.ts`).split("\n").length - 1).toBeLessThanOrEqual(60);
  expect(read(`${at}/README.md`).match(/^## .+$/gm)).toEqual([
    "## Decides",
    "## RPCs",
    "## Events in and out",
    "## Tables",
    "## How it fails",
  ]);
  expect(JSON.parse(read(`${at}/package.json`))).toMatchObject({ exports: {}, imports: { "#*": "./src/*" } });
});

test("no folder is named for nothing", () => {
  const ours = tracked.filter((path) => !/^libs\/contracts\/(third_party|src\/gen)\//.test(path));
  expect(ours.filter((path) => /(^|\/)(utils?|common|shared|helpers?|core|misc)\//.test(path))).toEqual([]);
});

test("every dependency is pinned exactly", () => {
  const loose = manifests.flatMap((path) => {
    const manifest = JSON.parse(read(path)) as Record<string, Record<string, string> | undefined>;
    return ["dependencies", "devDependencies", "optionalDependencies"].flatMap((kind) =>
      Object.entries(manifest[kind] ?? {})
        .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
        .map(([name, version]) => `${path}: ${name}@${version}`),
    );
  });
  expect(loose).toEqual([]);
});

test("no dependency runs a script when it is installed", () => {
  const lock = JSON.parse(read("package-lock.json")) as { packages: Record<string, { hasInstallScript?: boolean; resolved?: string }> };
  expect(read(".npmrc")).toContain("ignore-scripts=true");
  expect(Object.values(lock.packages).filter((one) => one.resolved?.includes("://"))).toEqual([]);
});

test("libs export named subpaths, never a barrel", () => {
  for (const path of manifests.filter((one) => one.startsWith("libs/"))) {
    const { exports } = JSON.parse(read(path)) as { exports: Record<string, string> };
    expect(
      Object.keys(exports).every((key) => /^\.\/[\w/-]+$/.test(key)),
      path,
    ).toBe(true);
    for (const target of Object.values(exports)) expect(existsSync(join(root, path, "..", target)), `${path}: ${target}`).toBe(true);
  }
});
