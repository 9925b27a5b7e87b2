import type { TestProject } from "vitest/node";
import { startFabric } from "./fabric.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Data directory of the fabric that the scenarios share. */
    fabric: string;
  }
}

/** One fabric for all scenarios: each uses tenants of its own. Drills start their own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const fabric = await startFabric();
  project.provide("fabric", fabric.dataDirectory);
  return async () => fabric[Symbol.asyncDispose]();
}
