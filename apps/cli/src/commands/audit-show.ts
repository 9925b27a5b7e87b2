import type { RecordedCost } from "../clients/ledger.ts";
import { type Shown, showEntry } from "../clients/proofs.ts";
import type { Context } from "../context.ts";
import { exit } from "../failure.ts";
import type { Output } from "../output.ts";
import { describeEntries } from "./audit-entries.ts";

/** Shows one entry and checks its proof on this side; gives the exit code. */
export async function show(context: Context, id: string, options: Parameters<typeof showEntry>[2]): Promise<number> {
  const shown = await showEntry(context, id, options);
  context.output.result(shown, () => describe(shown, context.output));
  return shown.verified?.ok === false ? exit.verification : exit.ok;
}

function describe({ entry, related, sameCallBefore, verified }: Shown, output: Output): string {
  const { principal, context, destination, reasons = [], ...data } = entry.event?.data ?? {};
  const lines: string[] = [];
  const tell = (name: string, text: string | undefined) => text && lines.push(`${name.padEnd(11)} ${text}`);
  tell("id", entry.id);
  tell("what", entry.tool === null ? entry.type : `${entry.tool}:${entry.action}${data.dryRun ? " (dry run)" : ""}`);
  tell("decision", entry.decision ?? undefined);
  for (const { code, message, rule } of reasons) tell("reason", `${code}: ${message}${rule ? ` (${rule})` : ""}`);
  tell("agent", entry.agent ?? undefined);
  tell("on behalf", principal?.subject);
  tell("chain", principal?.chain?.toReversed().join(" → "));
  tell("arguments", data.arguments === undefined ? undefined : JSON.stringify(data.arguments));
  for (const { pointer, detector } of data.redactions ?? []) tell("redacted", `${detector} at ${pointer}`);
  tell("where to", destination && `${destination.method ?? ""} ${destination.url} (by the ${destination.declaredBy})`.trim());
  tell("purpose", context?.purpose);
  tell("reasoning", context?.reasoning);
  tell("plan", context?.planId && `${context.planId}${context.replanOf ? `, instead of ${context.replanOf}` : ""}`);
  if (context?.replanOf === undefined && sameCallBefore)
    tell("retry", `its agent had asked for this very call ${sameCallBefore} times before in the session`);
  tell("session", entry.session ?? undefined);
  tell("prompt", entry.prompt ?? undefined);
  tell("policy", [entry.policyVersion, data.ruleDigest].filter(Boolean).join(", rule "));
  tell("call", entry.actionDigest ?? undefined);
  tell("cost", data.cost && costText(data.cost));
  tell("time", entry.occurredAt);
  tell("ledger", `entry ${entry.sequence} of ${entry.tenant}, taken in at ${entry.recordedAt}`);
  tell("proof", proof(verified, output));
  if (related.length > 0) lines.push("", describeEntries(related));
  return lines.join("\n");
}

function proof(verified: Shown["verified"], output: Output): string {
  if (verified === null) return output.style("yellow", "no checkpoint covers it yet");
  if (!verified.ok) return `${output.style("red", "does NOT hold")}: ${verified.why}`;
  return `${output.style("green", "holds")} under a checkpoint over ${verified.size} entries${verified.signedAt ? `, signed at ${verified.signedAt}` : ""}`;
}

function costText({ microUsd, tokens, money }: RecordedCost): string {
  const spent = money === undefined ? "" : ` (${money.micro / 1e6} ${money.currency} at ${money.rate} USD)`;
  return `${microUsd} micro-USD${spent}, ${tokens} tokens`;
}
