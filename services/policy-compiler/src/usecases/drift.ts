import { type DriftReport, driftOf } from "@aegis/policy/analysis/drift";
import { draftOrActive } from "./active-policies.ts";
import type { AnalysisPorts, DriftFound, Reader, Window } from "./analysis-ports.ts";

/** Compares the newest revision's grants with what was done in a window and who is registered. @throws AegisError. */
export async function findDrift(ports: AnalysisPorts, reader: Reader, window: Window): Promise<DriftReport> {
  const [policies, usage, agents] = await Promise.all([
    draftOrActive(ports, reader.tenant, undefined),
    ports.recorded.usage(reader, window),
    ports.registry.agents(reader),
  ]);
  return driftOf(policies, usage, agents, window.to.toISOString().slice(0, 10));
}

/** The same, and tells the fabric when something was found. */
export async function announceDrift(
  ports: AnalysisPorts,
  reader: Reader,
  window: Window,
  { by, days }: Pick<DriftFound, "by" | "days">,
): Promise<DriftReport> {
  const report = await findDrift(ports, reader, window);
  const { unused, unjustified, overdue, unregistered, ungoverned, unseen } = report;
  if (report.drifted) {
    await ports.driftNews.drifted(reader.tenant, {
      by,
      days,
      unused: unused.length,
      unjustified: unjustified.length,
      overdue: overdue.length,
      unregistered: unregistered.length,
      ungoverned: ungoverned.length,
      unseen: unseen.length,
    });
  }
  return report;
}
