import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Context } from "../context.ts";
import { dataDirectory } from "../fabric/data-directory.ts";
import { startDetached } from "../fabric/detach.ts";
import { stopFabric } from "../fabric/stop-fabric.ts";
import { Failure } from "../failure.ts";

/** Does the work on the running fabric; where none runs, on one that is started for it and leaves nothing behind. */
export async function withFabric<T>(context: Context, work: (context: Context) => Promise<T>): Promise<T> {
  if (await isThere(context)) return work(context);
  const root = await mkdtemp(join(tmpdir(), "aegis-demo-"));
  const directory = dataDirectory(root);
  const { output } = context;
  const clean = async () => {
    await stopFabric(directory);
    await rm(root, { recursive: true, force: true });
  };
  const interrupted = () => void clean().finally(() => process.exit(130));
  process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
  output.progress("no fabric is running: starting one for this ...");
  try {
    await startDetached(directory, ["up", "--supervised", "--data-dir", root, "--ports", "auto"], (text) => output.progress(text));
    return await work(new Context({ json: context.json, dataDir: root }, output));
  } finally {
    process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
    await clean();
  }
}

async function isThere(context: Context): Promise<boolean> {
  try {
    await context.endpoints();
    return true;
  } catch (caught) {
    if (caught instanceof Failure && context.namesEndpoints) throw caught;
    return false;
  }
}
