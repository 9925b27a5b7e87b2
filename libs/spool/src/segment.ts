import { join } from "node:path";

/**
 * One file of a spool. `ordinal` grows for ever across restarts, so sorting by it drains old epochs first.
 * A segment holds sequences `first`…`last` of one epoch.
 */
export interface Segment {
  /** Its records hold the chain's head before them. Those of earlier versions do not. */
  readonly chained: boolean;
  readonly ordinal: number;
  readonly epoch: string;
  readonly first: number;
  /** Highest sequence in it; `first - 1` while it is empty. */
  last: number;
  readonly path: string;
  /** Bytes that are wholly written: what a reader may read. */
  bytes: number;
  /** What was written last, so that a reader who keeps up needs no disk. Only while the segment is written to. */
  latest: { readonly offset: number; readonly bytes: Buffer } | undefined;
  /** Nothing more will be written. */
  closed: boolean;
  /** Its file is gone. */
  released: boolean;
}

const pattern = /^(\d{10})-([0-9a-f]{16})-(\d{16})\.(segment|chained)$/;

export function newSegment(directory: string, ordinal: number, epoch: string, first: number): Segment {
  const name = `${String(ordinal).padStart(10, "0")}-${epoch}-${String(first).padStart(16, "0")}.chained`;
  return {
    chained: true,
    ordinal,
    epoch,
    first,
    last: first - 1,
    path: join(directory, name),
    bytes: 0,
    latest: undefined,
    closed: false,
    released: false,
  };
}

/** Reads a segment's name; undefined when the file is something else. */
export function parseSegment(directory: string, name: string): Segment | undefined {
  const match = pattern.exec(name);
  if (!match) return undefined;
  const [, ordinal, epoch, first, kind] = match;
  const segment = newSegment(directory, Number(ordinal), epoch as string, Number(first));
  return { ...segment, chained: kind === "chained", path: join(directory, name), closed: true };
}
