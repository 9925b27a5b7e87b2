import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { repositoryRoot } from "../context.ts";
import { counted, runTool, type Stage } from "./stage.ts";
import { type VitestReport, vitestCounts } from "./vitest-report.ts";

export const stageNames = ["lint", "types", "unused", "proto", "unit", "integration", "e2e"] as const;
type StageName = (typeof stageNames)[number];

const binary = (name: string): string => join(repositoryRoot, "node_modules", ".bin", name);

/** A check that is either clean or not: it counts as one. */
const check = (name: StageName, environment: Record<string, string>, tool: string, ...args: string[]): Stage => ({
  name,
  run: async () => counted(await runTool(binary(tool), args, { environment })),
});

/** Every stage of the suite, in order: the quick ones first. */
export function stages(environment: Record<string, string>): Stage[] {
  return [
    check("lint", environment, "biome", "check", "--error-on-warnings", "."),
    check("types", environment, "tsc", "--noEmit"),
    check("unused", environment, "knip", "--no-progress"),
    { name: "proto", run: () => protoStage(environment) },
    ...(["unit", "integration", "e2e"] as const).map((project): Stage => ({ name: project, run: () => vitestStage(project, environment) })),
  ];
}

async function vitestStage(project: string, environment: Record<string, string>) {
  const directory = await mkdtemp(join(tmpdir(), "aegis-test-"));
  const report = join(directory, "report.json");
  try {
    const ok = await runTool(
      binary("vitest"),
      ["run", "--project", project, "--reporter=default", "--reporter=json", `--outputFile.json=${report}`],
      { environment },
    );
    const text = await readFile(report, "utf8").catch(() => undefined);
    if (text === undefined) return { ...counted(false), notes: [`${project}: vitest ended without a report`] };
    const counts = vitestCounts(JSON.parse(text) as VitestReport, repositoryRoot);
    // An error outside of every test fails the run, too.
    return ok || counts.failed > 0
      ? counts
      : { ...counts, failed: 1, notes: [...counts.notes, `${project}: an error outside of every test`] };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The protos pass buf's linter, and the committed code is what they generate. */
async function protoStage(environment: Record<string, string>) {
  const contracts = join(repositoryRoot, "libs", "contracts");
  const notes: string[] = [];
  const linted = await runTool(binary("buf"), ["lint"], { directory: contracts, environment });
  if (!linted) notes.push("proto: buf lint found faults");
  const directory = await mkdtemp(join(tmpdir(), "aegis-proto-"));
  try {
    const generated = await runTool(binary("buf"), ["generate", "--output", directory], { directory: contracts, environment });
    const stale = generated ? await differing(join(directory, "src", "gen"), join(contracts, "src", "gen")) : ["buf generate failed"];
    notes.push(...stale.map((file) => `proto: ${file} is not what buf generate makes: run npm run generate`));
    const failed = (linted ? 0 : 1) + (stale.length === 0 ? 0 : 1);
    return { passed: 2 - failed, failed, skipped: 0, notes };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function differing(fresh: string, committed: string): Promise<string[]> {
  const list = async (root: string) =>
    (await readdir(root, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => relative(root, join(entry.parentPath, entry.name)));
  const files = new Set([...(await list(fresh)), ...(await list(committed))]);
  const stale: string[] = [];
  for (const file of files) {
    const [a, b] = await Promise.all([fresh, committed].map((root) => readFile(join(root, file), "utf8").catch(() => undefined)));
    if (a !== b) stale.push(file);
  }
  return stale.sort();
}
