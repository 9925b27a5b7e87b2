import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** Where servers are found or built once for all tests. */
export const toolsDirectory = resolve(import.meta.dirname, "../../../.aegis/tools");

/** With AEGIS_TEST_INFRA=containers, NATS and PostgreSQL come from testcontainers instead of processes. */
export const usesContainers = process.env.AEGIS_TEST_INFRA === "containers";

/** A new temporary directory that PostgreSQL's own user may pass through; gone when it is disposed of or the process ends. */
export function temporaryDirectory(name: string): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), `aegis-${name}-`));
  chmodSync(path, 0o711);
  const remove = () => rmSync(path, { recursive: true, force: true, maxRetries: 5 });
  process.once("exit", remove);
  return {
    path,
    [Symbol.dispose]() {
      process.off("exit", remove);
      remove();
    },
  };
}

/** Ends a process group with ours if nobody ended it before; returns how to call that off. */
export function killOnExit(kill: () => void): () => void {
  process.on("exit", kill);
  return () => process.off("exit", kill);
}
