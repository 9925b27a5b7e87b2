import { type Command, Option } from "commander";
import { fetchGraph, fetchTimeline, type Timeline } from "../clients/activity.ts";
import { action, type Context } from "../context.ts";
import { usage } from "../failure.ts";
import { instant } from "../instants.ts";
import { counted, dollars, drawDot, drawMermaid, drawText } from "../lineage-drawing.ts";
import { describeEntries } from "./audit-entries.ts";

interface GraphOptions {
  session?: string;
  prompt?: string;
  format: "text" | "dot" | "mermaid";
}

interface TimelineOptions {
  agent: string;
  from?: string;
  to?: string;
  limit: string;
}

/** `aegis audit graph` and `aegis audit timeline`: what the ledger tells of doings. */
export function activityCommands(audit: Command): void {
  audit
    .command("graph")
    .description("draw who delegated to whom in a session or under a prompt, and what each asked for")
    .option("--session <id>", "the session")
    .option("--prompt <id>", "the prompt")
    .addOption(new Option("--format <name>", "how").choices(["text", "dot", "mermaid"]).default("text"))
    .action(action<GraphOptions, []>((context, options) => graph(context, options)));
  audit
    .command("timeline")
    .description("everything one agent did: what it was denied, what it cost, what it touched, who approved")
    .requiredOption("--agent <name>", "the agent")
    .option("--from <time>", "from when on: a time, or how long ago, as 2h (default: 7d)")
    .option("--to <time>", "until when")
    .option("--limit <n>", "at most so many entries", "50")
    .action(action<TimelineOptions, []>((context, options) => timeline(context, options)));
}

async function graph(context: Context, { session, prompt, format }: GraphOptions): Promise<void> {
  if ((session === undefined) === (prompt === undefined)) throw usage("say what to draw: --session ID or --prompt ID");
  const drawn =
    session !== undefined ? await fetchGraph(context, "session", session) : await fetchGraph(context, "prompt", prompt as string);
  const draw = { text: drawText, dot: drawDot, mermaid: drawMermaid }[format];
  context.output.result(drawn, () => draw(drawn));
}

async function timeline(context: Context, { agent, from, to, limit }: TimelineOptions): Promise<void> {
  const window = { from: from && instant(from), to: to && instant(to), limit: Number(limit) };
  if (!Number.isSafeInteger(window.limit) || window.limit < 1 || window.limit > 1000) throw usage("--limit is a number from 1 to 1000");
  const found = await fetchTimeline(context, agent, window);
  context.output.result(found, () => describe(found));
}

function describe({ agent, from, to, entries, next, summary }: Timeline): string {
  const lines = [`${agent}, ${from} to ${to}`];
  const tell = (name: string, text: string) => text !== "" && lines.push(`${name.padEnd(13)} ${text}`);
  if (summary !== undefined) {
    if (!summary.complete) tell("note", "more than is summed up: the oldest entries of the window are not in the figures");
    tell("decisions", counted(summary.decisions));
    tell("reasons", counted(summary.reasons));
    tell("outcomes", counted(summary.outcomes));
    tell("cost", summary.microUsd + summary.tokens > 0 ? `${dollars(summary.microUsd)}, ${summary.tokens} tokens` : "");
    tell("for", counted(summary.subjects));
    for (const { tool, action, decisions } of summary.tools) tell("touched", `${tool}:${action}  ${counted(decisions)}`);
    for (const [url, times] of Object.entries(summary.destinations)) tell("reached", `${url}  ${times} calls`);
    for (const approval of summary.approvals) {
      const who = approval.by.length > 0 ? ` by ${approval.by.join(", ")}` : "";
      tell("approval", `${approval.id} ${approval.tool ?? ""}:${approval.action ?? ""} ${approval.state}${who}`);
      for (const { by, vote } of approval.votes) tell("", `  ${by}: ${vote}`);
    }
    tell("identity", counted(summary.identity));
  }
  if (entries.length > 0) lines.push("", describeEntries(entries));
  if (next !== undefined) lines.push("", `older entries: --to ${entries.at(-1)?.occurredAt}`);
  return lines.join("\n");
}
