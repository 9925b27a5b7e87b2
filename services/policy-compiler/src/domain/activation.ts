/** A replica of authz that is alive, and the revision of a tenant it enforces; 0 when it enforces none. */
export interface LiveReplica {
  readonly replica: string;
  readonly revision: number;
  /** The revision that it has verified and holds back until it is told; 0 when it holds none back. */
  readonly prepared: number;
  /** When it switched to its revision, in milliseconds since 1970, if that was lately. */
  readonly since?: number;
  /** Why it did not accept the newest head. */
  readonly refused?: string;
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

/** Milliseconds between the first and the last of the replicas that switched to just this revision; undefined unless all said when. */
export function skewOf(revision: number, states: readonly ReplicaState[]): number | undefined {
  const times = states.map((state) => (state.revision === revision ? state.activatedAt : undefined));
  if (times.length === 0 || times.some((at) => at === undefined)) return undefined;
  const known = times as number[];
  return Math.max(...known) - Math.min(...known);
}

/**
 * Which of the live replicas enforce a revision, or a later one. What a replica says of itself and what it reported count alike:
 * either may arrive first. A report of a replica that is gone counts for nothing.
 */
export function enforcement(revision: number, live: readonly LiveReplica[], reported: readonly Activation[]): ReplicaState[] {
  const last = new Map(reported.map((activation) => [activation.replica, activation]));
  return live
    .map((one): ReplicaState => {
      const { replica, revision: current, prepared } = one;
      const report = last.get(replica);
      const newest = Math.max(current, report?.revision ?? 0);
      const when = report?.revision === newest ? { activatedAt: report.activatedAt, milliseconds: report.milliseconds } : {};
      const shown = one.since !== undefined && current === newest ? { activatedAt: one.since } : {};
      const refused = one.refused === undefined ? {} : { refused: one.refused };
      return { replica, revision: newest, prepared, enforced: newest >= revision, ...when, ...shown, ...refused };
    })
    .sort((a, b) => (a.replica < b.replica ? -1 : 1));
}
