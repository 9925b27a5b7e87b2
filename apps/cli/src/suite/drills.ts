import { join } from "node:path";
import { repositoryRoot } from "../context.ts";
import { runTool } from "./stage.ts";

/** A drill of `e2e/drills/durability.e2e.ts`. */
interface Drill {
  /** How its test's name begins. */
  readonly title: string;
  /** What makes it long, in the environment. */
  readonly long: Readonly<Record<string, string>>;
  /** The defect it must find. */
  readonly sabotage: string;
}

export const drills: Readonly<Record<string, Drill>> = {
  "kill-authz": { title: "kill authz", long: { AEGIS_DRILL_KILLS: "200" }, sabotage: "no-sync" },
  "kill-stores": { title: "kill stores", long: { AEGIS_DRILL_KILLS: "30" }, sabotage: "no-dedupe" },
  "nats-outage": { title: "NATS outage", long: { AEGIS_DRILL_OUTAGE_SECONDS: "600" }, sabotage: "forget-unsent" },
  "lost-acknowledged": { title: "lost acknowledged", long: { AEGIS_DRILL_LOSS_SECONDS: "60" }, sabotage: "free-on-ack" },
  "system-calls": { title: "system calls", long: { AEGIS_DRILL_FAULT_ROUNDS: "1" }, sabotage: "ignore-errors" },
  "failed-syncs": { title: "two failed syncs", long: {}, sabotage: "ignore-errors" },
  "full-disk": { title: "full disk", long: { AEGIS_DRILL_DISK_MEGABYTES: "8" }, sabotage: "answer-first" },
};

export interface DrillOptions {
  readonly environment: Readonly<Record<string, string>>;
  /** In the form that the suite runs. */
  readonly short: boolean;
  /** Plant this defect; true: the drill's own. */
  readonly sabotage: string | true | undefined;
}

/** Runs a drill; true when it holds, or, with a planted defect, when it found that. */
export function runDrill(name: string, { short, sabotage, ...options }: DrillOptions): Promise<boolean> {
  const { title, long, sabotage: own } = drills[name] as Drill;
  const environment = {
    ...options.environment,
    ...(short ? {} : long),
    ...(sabotage === undefined ? {} : { AEGIS_DRILL_SABOTAGE: sabotage === true ? own : sabotage }),
  };
  const vitest = join(repositoryRoot, "node_modules", ".bin", "vitest");
  return runTool(vitest, ["run", "--project", "drills", "-t", `^${title}:`], { environment });
}
