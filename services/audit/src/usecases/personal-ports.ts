import type { Clock, Signals } from "./ports.ts";

/** One of a person's keys: the pseudonym, and which of the keys it is, from 1. */
export interface KeyName {
  readonly subject: string;
  readonly generation: number;
}

/** Pseudonyms, and secrets sealed under what is not in the database. */
export interface SubjectRing {
  /** The same for the same person of the same tenant. */
  pseudonym(tenant: string, subject: string): string;
  /** A new secret, sealed. */
  make(tenant: string, key: KeyName): Promise<string>;
  /** @throws AegisError `precondition_failed` when it was sealed under another secret, or for another key. */
  open(tenant: string, key: KeyName, sealed: string): Promise<Uint8Array>;
}

interface SubjectKeys {
  /** The person's present key; undefined when there is none. `next` is the number of the one to be made then. */
  present(
    tenant: string,
    subject: string,
  ): Promise<{ readonly generation: number; readonly sealed: string } | { readonly generation: undefined; readonly next: number }>;
  /** Keeps a key, unless there is a present one or one of this number. */
  add(tenant: string, key: KeyName, sealed: string, madeAt: Date): Promise<void>;
  /** Of these, the keys that are not erased. */
  find(tenant: string, keys: readonly KeyName[]): Promise<(KeyName & { readonly sealed: string })[]>;
}

export interface Erasure {
  readonly tenant: string;
  readonly id: string;
  /** The pseudonym. */
  readonly subject: string;
  readonly reason: string;
  readonly by: string;
  readonly askedAt: Date;
  readonly expiresAt: Date;
  readonly approver: string | null;
  readonly doneAt: Date | null;
}

/** Why nothing may be erased. */
export interface HeldBy {
  readonly id: string;
  readonly reason: string;
}

interface Erasures {
  propose(erasure: Erasure): Promise<void>;
  find(tenant: string, id: string): Promise<Erasure | undefined>;
  /** Newest first. */
  list(tenant: string, limit: number): Promise<Erasure[]>;
  /** A legal hold on an entry that this key opens. */
  heldBy(tenant: string, key: KeyName): Promise<HeldBy | undefined>;
  /** Destroys the person's keys, notes the erasure and appends `subjectErased` to the ledger, all or nothing. */
  carryOut(erasure: Erasure, at: Date): Promise<CarriedOut>;
}

/** What came of an erasure; `nothing`: there was no key to destroy, or it had been carried out. */
export type CarriedOut =
  | { readonly kind: "erased"; readonly keys: readonly number[] }
  | { readonly kind: "held"; readonly hold: HeldBy }
  | { readonly kind: "nothing" };

interface OwnEntries {
  /** Appends to the ledger that somebody was shown what is sealed in entries. */
  shown(
    tenant: string,
    what: { readonly by: string; readonly entries: readonly string[]; readonly subjects: readonly string[] },
    at: Date,
  ): Promise<void>;
}

/** What keeps, shows and erases personal data. */
export interface PersonalPorts {
  /** Absent: no secret to seal keys with was given, so there are none. */
  readonly ring: SubjectRing | undefined;
  readonly subjectKeys: SubjectKeys;
  readonly erasures: Erasures;
  readonly ownEntries: OwnEntries;
  readonly subjectErased: (tenant: string, key: KeyName) => void;
  readonly clock: Clock;
  readonly signals: Pick<Signals, "erased" | "personalShown">;
  /** An erasure waits for a second person. */
  readonly secondPerson: boolean;
}
