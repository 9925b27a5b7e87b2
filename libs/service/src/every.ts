/** Something that recurs. Disposing lets the round in hand finish and starts no other. */
export interface Recurring extends AsyncDisposable {
  /** Starts the next round now instead of at its time; a round in hand is followed by another at once. */
  soon(): void;
}

/**
 * Does `work` at once, and again `ms` after each round has ended, so that no two rounds overlap.
 * A round that fails is told to `failed`, and the next one comes at its time.
 */
export function every(ms: number, work: () => Promise<unknown>, failed: (error: unknown) => void): Recurring {
  let stopped = false;
  let again = false;
  let timer: NodeJS.Timeout | undefined;
  let round: Promise<void> | undefined;
  const start = () => {
    clearTimeout(timer);
    round = work()
      .then(() => undefined, failed)
      .finally(() => {
        round = undefined;
        if (stopped) return;
        timer = setTimeout(start, again ? 0 : ms);
        again = false;
      });
  };
  start();
  return {
    soon() {
      if (stopped) return;
      if (round === undefined) start();
      else again = true;
    },
    async [Symbol.asyncDispose]() {
      stopped = true;
      clearTimeout(timer);
      await round;
    },
  };
}
