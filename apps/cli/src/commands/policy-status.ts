import type { Command } from "commander";
import { type PolicyStatus, policyStatus } from "../clients/policies.ts";
import { action } from "../context.ts";
import { exit } from "../failure.ts";
import { table } from "../output.ts";

/** `aegis policy status`: who enforces what. */
export function statusCommand(policy: Command): void {
  policy
    .command("status")
    .description("which revision each replica of authz enforces, and which one each OPA says it has active")
    .action(
      action<object, []>(async (context) => {
        const status = await policyStatus(context, context.tenant());
        context.output.result(status, () => text(status));
        return exit.ok;
      }),
    );
}

function text({ tenant, head, replicas, skewMs, opas, opaDecisions }: PolicyStatus): string {
  if (head === null) return `${tenant} has no revision yet`;
  const parts = [`revision ${head.revision} (${head.version}) by ${head.author}, ${head.state}`];
  parts.push(
    replicas.length === 0
      ? "no replica of authz reports in: ./aegis status shows the fabric"
      : table(
          ["REPLICA", "REVISION", "SINCE", ""],
          replicas.map((one) => [one.replica, one.revision === 0 ? "none" : one.revision, one.activatedAt, remark(one)]),
        ),
  );
  if (skewMs !== undefined && replicas.length > 1) parts.push(`the replicas switched within ${skewMs} ms`);
  if (opas.length > 0)
    parts.push(
      table(
        ["OPA (as it says itself)", "REVISION", "REPORTED", ""],
        opas.map((one) => [one.instance, one.revision ?? "none", one.reportedAt, one.error ?? (one.current ? "" : "not the newest")]),
      ),
    );
  const decided = Object.entries(opaDecisions).map(([decision, count]) => `${count} ${decision}`);
  if (decided.length > 0) parts.push(`decisions that OPAs reported in the last 7 days: ${decided.join(", ")}`);
  return parts.join("\n\n");
}

function remark({ enforced, prepared, refused }: PolicyStatus["replicas"][number]): string {
  if (refused !== undefined) return `refused the newest: ${refused}`;
  if (prepared !== undefined) return `revision ${prepared} is prepared`;
  return enforced ? "" : "not the newest";
}
