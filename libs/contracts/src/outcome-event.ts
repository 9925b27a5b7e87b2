import { z } from "zod";
import { cloudEvent } from "./cloudevent.ts";
import { money, principal, producer, reservation } from "./decision-event.ts";
import { digest } from "./names.ts";

export const outcomes = ["executed", "failed", "rolled_back"] as const;

export const outcomeData = z.object({
  decisionId: z.uuid(),
  outcome: z.enum(outcomes),
  principal,
  /** What it really cost; absent when the caller did not say: then the reservation stands. */
  actual: z.object({ microUsd: z.int().min(0), tokens: z.int().min(0), money: money.extend({ rate: z.number() }).optional() }).optional(),
  resultDigest: digest.optional(),
  /** Redacted. */
  error: z.string().optional(),
  /** The decision's reservations, when this replica still knows them. */
  reservations: z.array(reservation).optional(),
  producer,
});

export const outcomeType = "dev.aegis.outcome.reported.v1";
export const outcomeEvent = cloudEvent(outcomeType, outcomeData);
export type OutcomeData = z.infer<typeof outcomeData>;
export type OutcomeEvent = z.infer<typeof outcomeEvent>;
export type OutcomeName = (typeof outcomes)[number];
