import { delimiter, dirname, join } from "node:path";
import { ensureNatsServer } from "@aegis/infra/nats-server";
import { findTool, goInstall } from "@aegis/infra/tools";
import { repositoryRoot } from "../context.ts";
import { toolsDirectory } from "../fabric/stores.ts";

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
  return { PATH: path };
}
