/** Kernels may count processor time in ticks of some milliseconds: less than this says nothing. */
const leastMicros = 20_000;

/**
 * Repeats some work for the given time and gives the processor time of one repetition in microseconds, of the thread that does it
 * (V8's helpers compile and collect garbage beside it). Work in process needs nothing but the processor, and its share of a busy machine
 * changes little in what it needs.
 *
 * @param work does some repetitions and says how many.
 */
export function spin(work: () => number, milliseconds: number): number {
  const until = performance.now() + milliseconds;
  const before = process.threadCpuUsage();
  let count = 0;
  for (;;) {
    do count += work();
    while (performance.now() < until);
    const { user, system } = process.threadCpuUsage(before);
    if (user + system >= leastMicros) return (user + system) / count;
  }
}
