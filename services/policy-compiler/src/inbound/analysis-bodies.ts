import { agentName, tenantName } from "@aegis/contracts/names";
import { z } from "zod";
import type { Window } from "#usecases/analysis-ports.ts";
import { files } from "./bodies.ts";

const days = z.number().positive().max(3_660);
const instant = z.iso.datetime({ offset: true });

/** Which decisions: the last `days`, or those from `since` until `until` (now). */
const span = { days: days.optional(), since: instant.optional(), until: instant.optional() };

const oneSpan = ({ days: some, since }: { days?: number | undefined; since?: string | undefined }) =>
  some === undefined || since === undefined;
const twoSpans = "give days, or since and until";

export const simulateBody = z.strictObject({
  files: files.optional(),
  requests: z.array(z.unknown()).max(10_000),
});

export const replayBody = z
  .strictObject({
    ...span,
    files: files.optional(),
    agent: agentName.optional(),
    examples: z.int().min(0).max(100).default(3),
    asEnforced: z.boolean().default(false),
  })
  .refine(oneSpan, twoSpans);

export const learnBody = z
  .strictObject({
    ...span,
    agent: agentName,
    leastCalls: z.int().min(1).max(1_000_000).default(2),
    mostBytes: z
      .int()
      .min(1_024)
      .max(1024 * 1024)
      .default(64 * 1024),
    dryRuns: z.boolean().default(false),
    limits: z.boolean().default(false),
  })
  .refine(oneSpan, twoSpans);

export const driftQuery = z.object({ days: z.coerce.number().positive().max(3_660).default(30) });
export const driftBody = z.strictObject({ days: days.default(30) });
export const analysisParams = z.object({ tenant: tenantName });

const dayMs = 86_400_000;

/** The window that a body means. A day reaches into the future as far as clocks differ, so that what was just made is in it. */
export function windowOf(
  {
    days: some,
    since,
    until,
    agent,
  }: { days?: number | undefined; since?: string | undefined; until?: string | undefined; agent?: string | undefined },
  now: Date,
): Window {
  const to = until === undefined ? new Date(now.getTime() + 60_000) : new Date(until);
  const from = since === undefined ? new Date(Math.max(0, now.getTime() - (some ?? 30) * dayMs)) : new Date(since);
  return { from, to, ...(agent === undefined ? {} : { agent }) };
}
