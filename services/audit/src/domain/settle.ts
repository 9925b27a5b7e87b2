import type { Candidate, Coordinates } from "./candidate.ts";
import { equivocated } from "./quarantine.ts";

/** What the ledger already holds of a batch. */
export interface Known {
  /** By `identity()`: the digest of the event that has it; null when retention removed that event. */
  readonly bodies: Map<string, string | null>;
  /** By `place()`: the identity of the entry that holds it. */
  readonly places: Map<string, string>;
}

export interface Settled {
  /** To be appended, in the order of arrival. */
  readonly fresh: readonly Candidate[];
  /** Also to be appended, unless an earlier delivery already raised them. */
  readonly alarms: readonly Candidate[];
  /** How many were there already. */
  readonly duplicates: number;
}

export const identity = ({ tenant, id }: { readonly tenant: string; readonly id: string }): string => `${tenant} ${id}`;
export const place = ({ producer, epoch, sequence }: Coordinates): string => JSON.stringify([producer, epoch, sequence]);

/** Tells new events from repeats and from equivocation: one id or one place in a producer's sequence under two bodies. */
export function settle(candidates: readonly Candidate[], known: Known): Settled {
  const bodies = new Map(known.bodies);
  const places = new Map(known.places);
  const fresh: Candidate[] = [];
  const alarms: Candidate[] = [];
  let duplicates = 0;
  for (const candidate of candidates) {
    const own = identity(candidate);
    const body = bodies.get(own);
    // What is quarantined claims a place without taking it: the true event must still find its own free.
    const taken = candidate.alarm === undefined && candidate.coordinates ? place(candidate.coordinates) : undefined;
    const holder = taken && places.get(taken);
    if (body === null || (body !== undefined && (candidate.alarm !== undefined || body === candidate.body))) duplicates += 1;
    else if (body !== undefined) alarms.push(equivocated(candidate, "same_id_other_body"));
    else if (holder !== undefined && holder !== own) alarms.push(equivocated(candidate, "sequence_reused"));
    else {
      bodies.set(own, candidate.body);
      if (taken !== undefined) places.set(taken, own);
      fresh.push(candidate);
    }
  }
  return { fresh, alarms, duplicates };
}

/** The alarms that are not in the ledger yet, each once. */
export function newAlarms(alarms: readonly Candidate[], known: Known): Candidate[] {
  const seen = new Set(known.bodies.keys());
  return alarms.filter((alarm) => !seen.has(identity(alarm)) && seen.add(identity(alarm)));
}
