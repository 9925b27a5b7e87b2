/** A replica of authz that is alive, and the revision of a tenant it enforces; 0 when it enforces none. */
export interface LiveReplica {
  readonly replica: string;
  readonly revision: number;
}

/** What a replica said when it last switched. */
export interface Activation {
  readonly replica: string;
  readonly revision: number;
  /** Milliseconds since 1970. */
  readonly activatedAt: number;
  /** From the head's issue to the switch. */
  readonly milliseconds: number;
}

export interface ReplicaState extends LiveReplica {
  readonly enforced: boolean;
  readonly activatedAt?: number;
  readonly milliseconds?: number;
}

/**
 * Which of the live replicas enforce a revision, or a later one. What a replica says of itself and what it reported count alike:
 * either may arrive first. A report of a replica that is gone counts for nothing.
 */
export function enforcement(revision: number, live: readonly LiveReplica[], reported: readonly Activation[]): ReplicaState[] {
  const last = new Map(reported.map((activation) => [activation.replica, activation]));
  return live
    .map(({ replica, revision: current }): ReplicaState => {
      const report = last.get(replica);
      const newest = Math.max(current, report?.revision ?? 0);
      const when = report?.revision === newest ? { activatedAt: report.activatedAt, milliseconds: report.milliseconds } : {};
      return { replica, revision: newest, enforced: newest >= revision, ...when };
    })
    .sort((a, b) => (a.replica < b.replica ? -1 : 1));
}
