import { randomBytes } from "node:crypto";
import type { Command } from "commander";
import { verifyFabricLedger } from "../clients/verification.ts";
import { action, type Context } from "../context.ts";
import { withFabric } from "../demo/with-fabric.ts";
import { summaries } from "./summaries.ts";

/** `aegis demo`: both examples, end to end. */
export function demoCommands(program: Command): void {
  program
    .command("demo")
    .description(summaries.demo)
    .action(action(async (context) => withFabric(context, play)));
}

async function play(context: Context): Promise<number> {
  const [{ DemoStage }, { playStory }] = await Promise.all([import("../demo/stage.ts"), import("../demo/story.ts")]);
  const { output } = context;
  // A tenant of its own each time: a second run meets nothing of the first.
  const id = randomBytes(3).toString("hex");
  const stage = new DemoStage(context, `demo-${id}`, `prompt-${id}`);
  output.progress(`playing in tenant ${stage.tenant}`);
  await playStory(stage);
  stage.chapter(
    "The ledger",
    "Every decision above is in an append-only, signed Merkle log; nobody is trusted here, everything is recomputed.",
  );
  const verify = await verifyFabricLedger(context, {
    tenant: stage.tenant,
    wait: true,
    decisions: stage.steps.flatMap((step) => step.decisionId ?? []),
  });
  const surprises = stage.surprises();
  output.line(
    verify.ok
      ? output.style("green", `verified: ${verify.entries} entries under ${verify.checkpoints} signed checkpoints`)
      : output.style(
          "red",
          `NOT verified: ${verify.faults.map((fault) => `${fault.kind} at ${fault.tenant}/${fault.sequence}`).join(", ")}`,
        ),
  );
  output.result({ ok: verify.ok && surprises.length === 0, tenant: stage.tenant, steps: stage.steps, verify }, () =>
    surprises.length === 0
      ? `\n${stage.steps.length} steps, each as told. Look around: aegis audit query --tenant ${stage.tenant}`
      : output.style(
          "red",
          `\n${surprises.length} of ${stage.steps.length} steps came out otherwise: ${surprises.map((step) => step.name).join("; ")}`,
        ),
  );
  if (!verify.ok) return 5;
  return surprises.length === 0 ? 0 : 1;
}
