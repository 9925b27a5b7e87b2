/** At most `calls` in `seconds`, and as many at once. */
export interface Rate {
  readonly calls: number;
  readonly seconds: number;
}

/**
 * The generic cell rate algorithm (ITU-T I.371, annex A) in whole microseconds: one number per rate, the theoretical arrival time of the
 * next call. A call takes one interval of it; the rate is full when it lies a whole burst ahead of now.
 */
export interface Room {
  /** Calls that fit now. */
  readonly calls: number;
  /** Microseconds until one more fits; 0 when one does. */
  readonly wait: number;
}

/** The spacing of calls, rounded up: rounding never lets more through. */
const interval = ({ calls, seconds }: Rate): number => Math.ceil((seconds * 1e6) / calls);

/** How many calls fit at `now`, when the next was due at `due`. */
export function room(rate: Rate, due: number, now: number): Room {
  const step = interval(rate);
  const free = now + step * rate.calls - Math.max(due, now);
  return { calls: Math.max(0, Math.floor(free / step)), wait: Math.max(0, step - free) };
}

/** When the next call is due after these many went through, and these many places came back unused. */
export const dueAfter = (rate: Rate, due: number, now: number, taken: number, returned: number): number =>
  Math.max(due, now) + interval(rate) * (taken - returned);
