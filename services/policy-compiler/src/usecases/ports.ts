import type { Digest } from "@aegis/canonical/digest";
import type { Head } from "@aegis/policy/bundle";
import type { PolicySet } from "@aegis/policy/ir";
import type { Activation, LiveReplica } from "#domain/activation.ts";
import type { OpaDecision, OpaInstance } from "#domain/opa.ts";
import type { PolicyFile, Revision } from "#domain/revision.ts";

/** A revision that is to be. */
interface Draft extends Revision {
  readonly files: readonly PolicyFile[];
  readonly tarball: Uint8Array;
}

/** What a revision is, without its bytes, of any tenant. */
export type HeadRow = Pick<Revision, "tenant" | "revision" | "version" | "digest" | "publishedAt">;

/** What the tenant has while nobody else can add to it. */
interface Present {
  readonly head: Revision | undefined;
  /** The number that the next revision gets. */
  readonly next: number;
  /** A proposal of the same files by the same author on this head, that waits for its second person. */
  proposal(sourceDigest: Digest, author: string): Promise<Revision | undefined>;
}

type ApprovalJudge = (revision: Revision | undefined, head: number) => { readonly approver: string; readonly at: number } | undefined;

export interface RevisionStore {
  head(tenant: string): Promise<Revision | undefined>;
  find(tenant: string, revision: number): Promise<(Revision & { readonly files: readonly PolicyFile[] }) | undefined>;
  /** What was signed as this revision. @throws AegisError `unprocessable` when no known key signed it. */
  policies(tenant: string, revision: number): Promise<PolicySet | undefined>;
  /** Newest first. */
  list(tenant: string, page: { readonly before?: number | undefined; readonly limit: number }): Promise<Revision[]>;
  /**
   * Appends what `draft` makes of what is there while the head is locked, together with its event; nothing when it makes undefined.
   * Unless it is proposed, it is the head from then on. Two writers come one after the other, and each sees what the other left.
   */
  append(tenant: string, draft: (present: Present) => Promise<Draft | undefined>): Promise<Revision | undefined>;
  /**
   * Makes a proposed revision the head, in the name of whom `judge` says, while the head is locked; nothing when it says undefined.
   * `judge` sees the very rows that are changed.
   */
  approve(tenant: string, revision: number, judge: ApprovalJudge): Promise<Revision | undefined>;
  /** The heads of all tenants. */
  heads(): Promise<HeadRow[]>;
}

/** Hand-outs of one tenant, one after the other, whichever process makes them. */
export interface HandOuts {
  exclusively<T>(tenant: string, work: (revisions: HandOutView) => Promise<T>): Promise<T>;
  /** The tenant's head with its bundle, as far as the database knows, without waiting for a hand-out. */
  present(tenant: string): Promise<{ readonly revision: Revision; readonly bundle: StoredBundle } | undefined>;
}

/** A revision's bundle, signed by the present key. */
export interface StoredBundle {
  /** SHA-256 of the tarball. */
  readonly digest: Digest;
  tarball(): Promise<Uint8Array>;
}

/** The tenant's revisions while it is being handed out. */
export interface HandOutView {
  head(): Promise<Revision | undefined>;
  /** Signed again when an earlier key signed it; the tarball is to be had as long as the tenant is being handed out. */
  bundle(revision: Revision): Promise<StoredBundle>;
  /** Only the first time counts. */
  markPublished(revision: number, at: number): Promise<void>;
}

/** What authz and budget read: bundles and signed heads. */
export interface Distribution {
  /** The head that is handed out, if it is one that our key signed. */
  head(tenant: string): Promise<{ readonly head: Head | undefined; readonly stamp: Stamp }>;
  /** Hands a head out in place of the one read with this stamp; false when another came between. */
  putHead(head: Head, stamp: Stamp): Promise<boolean>;
  /** Whether the object is there, whole, and the one with this SHA-256. */
  holdsBundle(object: string, digest: Digest): Promise<boolean>;
  putBundle(object: string, tarball: Uint8Array): Promise<void>;
}

/** Wakes those who wait for a tenant's next head, in whichever process it was handed out. */
export interface WakeUps {
  wake(tenant: string): void;
  /** How often the tenant was woken, for `wait` to miss nothing in between. */
  count(tenant: string): number;
  /**
   * Resolves when the tenant was woken more than `count` times, after the time, or when aborted.
   * @throws AegisError `resource_exhausted` when too many wait.
   */
  wait(tenant: string, count: number, ms: number, signal: AbortSignal): Promise<void>;
}

/** What was read, for compare-and-set; undefined when nothing was there. */
export type Stamp = number | undefined;

export interface BundleWriter {
  write(content: {
    readonly tenant: string;
    readonly revision: number;
    readonly policies: PolicySet;
  }): Promise<{ readonly tarball: Uint8Array; readonly digest: Digest; readonly version: string }>;
}

export interface ActivationStore {
  record(tenant: string, activation: Activation): Promise<void>;
  of(tenant: string): Promise<Activation[]>;
}

/** The replicas of authz that are alive now. */
export interface Replicas {
  live(tenant: string): readonly LiveReplica[];
  /** Resolves when `reached` holds of the live replicas, or after the time: then to false. Looked at whenever one shows something new. */
  until(tenant: string, reached: (live: readonly LiveReplica[]) => boolean, ms: number, signal?: AbortSignal): Promise<boolean>;
}

/** What OPAs report. Nothing in it is evidence: they say it of themselves. */
export interface OpaStore {
  /** In place of what this OPA said before. */
  report(tenant: string, instance: OpaInstance): Promise<void>;
  /** Each id once; resolves to how many were new. */
  append(tenant: string, decisions: readonly OpaDecision[]): Promise<number>;
  instances(tenant: string): Promise<OpaInstance[]>;
  /** How many are kept, by decision. */
  decisions(tenant: string): Promise<Record<string, number>>;
}

export interface OpaPorts {
  readonly opas: OpaStore;
  readonly clock: Clock;
  readonly signals: Pick<Signals, "opaReported">;
}

export interface Clock {
  now(): Date;
  /** Resolves after `ms` or when aborted. */
  pause(ms: number, signal: AbortSignal): Promise<void>;
}

/** What operators are told. */
export interface Signals {
  published(revision: Revision): void;
  proposed(revision: Revision): void;
  approved(revision: Revision): void;
  faulty(tenant: string, faults: number): void;
  /** A set was refused for tests of its own that fail. */
  untested(tenant: string, failed: number): void;
  handedOut(tenant: string, revision: number, why: "new" | "renewed"): void;
  /** It stays committed and is handed out later. */
  handOutFailed(tenant: string, error: unknown): void;
  /** NATS had lost the bundle, or held another. */
  bundleRestored(tenant: string, revision: number): void;
  /** Replicas were told to switch together. */
  barrier(tenant: string, outcome: { readonly live: number; readonly late: readonly string[] }): void;
  /** Between the first and the last replica's switch to a revision. */
  skew(milliseconds: number): void;
  /** What became of what an OPA sent. */
  opaReported(kind: "status" | "decisions", counts: Readonly<Record<string, number>>): void;
  /** NATS holds a newer head than the database knows. */
  headAhead(tenant: string, known: number, found: number): void;
}

export interface Ports {
  readonly revisions: RevisionStore;
  readonly handOuts: HandOuts;
  readonly distribution: Distribution;
  readonly bundles: BundleWriter;
  readonly activations: ActivationStore;
  readonly replicas: Replicas;
  readonly wakeUps: WakeUps;
  readonly clock: Clock;
  readonly signals: Signals;
  /** How long a head is good for, in seconds. */
  readonly headLifetime: number;
}
