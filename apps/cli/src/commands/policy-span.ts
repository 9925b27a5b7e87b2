import type { Command } from "commander";
import type { Span } from "../clients/analysis.ts";
import { usage } from "../failure.ts";

export interface SpanOptions {
  days?: string;
  since?: string;
  until?: string;
}

/** Adds the options that say which recorded decisions are meant. */
export function withSpan(command: Command): Command {
  return command
    .option("--days <n>", "the decisions of the last n days (default: 30)")
    .option("--since <time>", "or those from a day or an instant on (2026-01-31, 2026-01-31T12:00:00Z)")
    .option("--until <time>", "and before this one (default: now)");
}

export function spanOf({ days, since, until }: SpanOptions): Span {
  if (days !== undefined && (since !== undefined || until !== undefined)) throw usage("name --days, or --since and --until, not both");
  if (until !== undefined && since === undefined) throw usage("--until needs --since");
  return { days: days === undefined ? undefined : numberOf(days, "days"), since: instant(since), until: instant(until) };
}

/** A positive number. */
export function numberOf(text: string, what: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value <= 0) throw usage(`"${text}" is not a number of ${what}`);
  return value;
}

/** A whole number that is not negative. */
export function wholeNumberOf(text: string, what: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(value) || value < 0) throw usage(`"${text}" is not a whole number of ${what}`);
  return value;
}

function instant(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const known = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(known)) throw usage(`"${text}" is no day and no instant: write 2026-01-31 or 2026-01-31T12:00:00Z`);
  return new Date(known).toISOString();
}
