import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** A temporary directory, gone with the stack, and where tools are kept. */
export async function place(stack: AsyncDisposableStack): Promise<{ root: string; directory: string; toolsDirectory: string }> {
  const root = await mkdtemp(join(tmpdir(), "aegis-infra-"));
  stack.defer(() => rm(root, { recursive: true, force: true }));
  await chmod(root, 0o700);
  return { root, directory: join(root, "server"), toolsDirectory: resolve(import.meta.dirname, "../../../.aegis/tools") };
}
