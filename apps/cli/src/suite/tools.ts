import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { ensureNatsServer } from "@aegis/infra/nats-server";
import { findTool, goBuild, goInstall, runTool } from "@aegis/infra/tools";
import { repositoryRoot } from "../context.ts";
import { toolsDirectory } from "../fabric/tools.ts";

const opa = "github.com/open-policy-agent/opa@v1.16.2";

/** Finds or builds once what the tests run against; gives the environment in which they find it. What is missing is said. */
export async function suiteTools(onProgress: (text: string) => void): Promise<Record<string, string>> {
  // Scripts of node_modules/.bin run on whichever node comes first.
  const path = [dirname(process.execPath), join(repositoryRoot, "node_modules", ".bin"), toolsDirectory, process.env.PATH].join(delimiter);
  await ensureNatsServer(toolsDirectory);
  if (!(await findTool("opa", { directories: [toolsDirectory] }))) {
    // Pure Go: a machine with Go but no C compiler can build it.
    process.env.CGO_ENABLED = "0";
    const built = await goInstall("opa", opa, toolsDirectory).catch((error: Error) => {
      onProgress(`opa could not be built: ${error.message}`);
      return undefined;
    });
    if (!built) onProgress("no opa and no Go to build it with: tests that need it are skipped");
  }
  if (!(await findTool("otelcol", { directories: [toolsDirectory] }))) {
    const built = await goBuild("otelcol", join(repositoryRoot, "e2e", "collector"), toolsDirectory).catch((error: Error) => {
      onProgress(`the OpenTelemetry collector could not be built: ${error.message}`);
      return undefined;
    });
    if (!built) onProgress("no OpenTelemetry collector and no Go to build it with: traces are received without one");
  }
  if (!(await findTool("promtool", { directories: [toolsDirectory] })))
    await fetchPrometheus().catch((error: Error) => onProgress(`no prometheus: ${error.message}: tests that need it are skipped`));
  return { PATH: path };
}

/** Debian's package has both programs; they are taken out of it, and nothing is installed. */
async function fetchPrometheus(): Promise<void> {
  const [apt, dpkg] = await Promise.all([findTool("apt-get"), findTool("dpkg-deb")]);
  if (apt === undefined || dpkg === undefined) throw new Error("there is no apt-get here to fetch it with");
  const work = await mkdtemp(join(tmpdir(), "aegis-prometheus-"));
  try {
    await download(apt, work).catch(async () => {
      // The list of packages may be missing or old.
      await runTool(apt, ["update", "-q"]);
      await download(apt, work);
    });
    const [archive] = (await readdir(work)).filter((name) => name.endsWith(".deb"));
    await runTool(dpkg, ["-x", join(work, archive ?? ""), join(work, "tree")]);
    await mkdir(toolsDirectory, { recursive: true });
    for (const name of ["prometheus", "promtool"]) {
      await copyFile(join(work, "tree", "usr", "bin", name), join(toolsDirectory, `${name}.draft`));
      await rename(join(toolsDirectory, `${name}.draft`), join(toolsDirectory, name));
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const download = (apt: string, directory: string) => promisify(execFile)(apt, ["download", "-q", "prometheus"], { cwd: directory });
