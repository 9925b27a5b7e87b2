import type { EntryColumns } from "@aegis/tlog/leaf";
import { isObject } from "./candidate.ts";

/** What an entry says about somebody's doing, as far as it says it: events of later versions and tampered rows may hold anything. */
export interface Recorded {
  readonly sequence: number;
  readonly id: string;
  readonly kind: string;
  readonly type: string;
  readonly occurredAt: string;
  readonly agent: string | null;
  readonly tool: string | null;
  readonly action: string | null;
  readonly decision: string | null;
  readonly digest: string | null;
  readonly about: string | null;
  readonly session: string | null;
  readonly prompt: string | null;
  readonly reasons: readonly string[];
  /** On whose behalf. */
  readonly subject: string | undefined;
  /** The actors, oldest first, the acting agent last. */
  readonly chain: readonly string[];
  readonly planId: string | undefined;
  /** The plan that this call's plan took the place of. */
  readonly replanOf: string | undefined;
  readonly outcome: string | undefined;
  readonly dryRun: boolean;
  readonly microUsd: number;
  readonly tokens: number;
  readonly destination: string | undefined;
  /** Who voted, approved, denied, suspended…: whom the event names as its author. */
  readonly by: readonly string[];
  readonly vote: string | undefined;
}

/** Reads an entry's columns and its event's data. */
export function recorded(columns: EntryColumns, event: unknown): Recorded {
  const data = members(members(event).data);
  const [principal, context, cost] = [members(data.principal), members(data.context), members(data.actual ?? data.cost)];
  const chain = texts(data.principal && principal.chain);
  const voter = text(data.voter);
  return {
    ...pick(columns),
    reasons: columns.reasons?.trim().split(" ") ?? [],
    subject: text(principal.subject),
    chain: chain.length > 0 ? chain.toReversed() : columns.agent === null ? [] : [columns.agent],
    planId: text(context.planId),
    replanOf: text(context.replanOf),
    outcome: text(data.outcome),
    dryRun: data.dryRun === true,
    microUsd: amount(cost.microUsd),
    tokens: amount(cost.tokens),
    destination: text(members(data.destination).url),
    by: [...texts(data.by), ...(text(data.by) ? [text(data.by) as string] : []), ...(voter === undefined ? [] : [voter])],
    vote: text(data.vote),
  };
}

const pick = (columns: EntryColumns) => ({
  sequence: columns.sequence,
  id: columns.id,
  kind: columns.kind,
  type: columns.type,
  occurredAt: columns.occurred_at,
  agent: columns.agent,
  tool: columns.tool,
  action: columns.action,
  decision: columns.decision,
  digest: columns.action_digest,
  about: columns.about,
  session: columns.session,
  prompt: columns.prompt,
});

const members = (value: unknown): Readonly<Record<string, unknown>> => (isObject(value) ? value : {});
const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);
const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((each): each is string => typeof each === "string" && each !== "") : [];
const amount = (value: unknown): number => (typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : 0);
