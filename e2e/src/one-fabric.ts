import type { TestProject } from "vitest/node";
import { startFabric } from "./fabric.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Data directory of the fabric that the scenarios share. */
    fabric: string;
  }
}

/**
 * One fabric for all scenarios: each uses tenants of its own. Drills start their own. `AEGIS_DRILL_FABRIC` names the data directory of a
 * running one to use instead, for a drill that measures: starting two fabrics takes longer than the drill.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const running = process.env.AEGIS_DRILL_FABRIC;
  if (running !== undefined) {
    project.provide("fabric", running);
    return async () => {};
  }
  const fabric = await startFabric();
  project.provide("fabric", fabric.dataDirectory);
  return async () => fabric[Symbol.asyncDispose]();
}
