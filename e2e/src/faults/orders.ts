import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";

/** A system call of the spool, as `SpoolFiles` and its files name them. */
export type SpoolCall = "create" | "write" | "sync" | "read" | "list" | "size" | "truncate" | "remove" | "syncDirectory";

/** What happens instead of a system call. A write that fails has written half. */
export interface Fault {
  /** Unique within a drill: the same fault strikes `times`, also across restarts. */
  readonly id: string;
  readonly call: SpoolCall;
  readonly code: "EIO" | "ENOSPC" | "KILL";
  readonly times: number;
}

/**
 * Defects that are planted to see a drill fail:
 * - `no-sync`: fdatasync is not called
 * - `answer-first`: decisions are answered before their event is appended
 * - `ignore-errors`: a write or sync that failed counts as done
 * - `free-on-ack`: the spool forgets what JetStream acknowledged
 * - `forget-unsent`: what cannot be sent counts as sent
 * - `no-dedupe`: the ledger takes every delivery for a new event
 */
export const sabotages = ["no-sync", "answer-first", "ignore-errors", "free-on-ack", "forget-unsent", "no-dedupe"] as const;
export type Sabotage = (typeof sabotages)[number];

/** What a drill wants of the processes of its fabric. */
export interface Orders {
  /** What was not synced when authz is killed is not there when it starts again: SIGKILL as a power cut. */
  readonly powerCut?: boolean;
  /** Every sync takes this much longer. */
  readonly slowSyncMs?: number;
  /** Nothing is sent to JetStream. */
  readonly hold?: boolean;
  /** This share of events is acknowledged and lost. */
  readonly loseAcknowledged?: number;
  /** Nothing more fits on the disk. */
  readonly full?: boolean;
  readonly faults?: readonly Fault[];
  readonly sabotage?: Sabotage | undefined;
}

/** Names the file that the doubles read; their processes are told of it in this variable and by nothing else. */
export const ordersVariable = "DRILL_ORDERS";

const path = process.env[ordersVariable] ?? "";
const freshMs = 20;
let read: { readonly at: number; readonly orders: Orders } = { at: Number.NEGATIVE_INFINITY, orders: {} };

/** The orders in force, at most 20 ms old. */
export function orders(): Orders {
  const at = performance.now();
  if (at - read.at > freshMs) read = { at, orders: JSON.parse(readFileSync(path, "utf8")) };
  return read.orders;
}

export function writeOrders(file: string, given: Orders): void {
  writeFileSync(`${file}.next`, JSON.stringify(given));
  renameSync(`${file}.next`, file);
}

/** The fault that strikes this call now, if any; noted before it strikes. */
export function strike(call: SpoolCall): Fault | undefined {
  for (const fault of orders().faults ?? []) {
    if (fault.call !== call) continue;
    for (let time = 0; time < fault.times; time++) {
      const mark = struckMark(path, fault.id, time);
      if (existsSync(mark)) continue;
      writeFileSync(mark, "");
      return fault;
    }
  }
  return undefined;
}

export const struckMark = (file: string, id: string, time: number): string => `${file}.struck-${id}-${time}`;
