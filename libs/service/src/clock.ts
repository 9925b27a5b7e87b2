/** Where the time comes from; domain code takes `now` as an argument, everything else takes a Clock. */
export interface Clock {
  now(): Date;
}

export const systemClock: Clock = { now: () => new Date() };
