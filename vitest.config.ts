import { defineConfig } from "vitest/config";

const sources = "{libs/*,services/*,apps/*,sdks/*,bench}/src/**";

/**
 * Three tiers, told apart by the file's name: `*.test.ts` beside the code is pure and needs nothing;
 * `test/*.it.ts` runs one part on real NATS and PostgreSQL; `e2e/**` runs the whole fabric.
 */
export default defineConfig({
  test: {
    projects: [
      // `./aegis drill` alone: the suite runs the same files in `e2e`, in their short forms.
      { test: { name: "drills", include: ["e2e/drills/durability.e2e.ts"], hookTimeout: 300_000, fileParallelism: false } },
      { test: { name: "unit", include: [`${sources}/*.test.ts`, "e2e/architecture/**/*.test.ts"], testTimeout: 30_000 } },
      {
        test: {
          name: "integration",
          include: ["{libs/*,services/*,apps/*,sdks/*}/test/**/*.it.ts"],
          testTimeout: 60_000,
          hookTimeout: 180_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: "e2e",
          globalSetup: ["e2e/src/one-fabric.ts"],
          include: ["e2e/{scenarios,drills}/**/*.e2e.ts"],
          testTimeout: 180_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
