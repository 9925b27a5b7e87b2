/** The candidate nearest to what was written, when it is near enough to be what was meant. */
function nearest(written: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Math.min(3, Math.floor(written.length / 2)) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - written.length) >= least) continue;
    const distance = editDistance(written.toLowerCase(), candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** The same, of what may be of any length. */
export const nearestTo = (written: string, candidates: Iterable<string>): string | undefined =>
  written.length <= 64 ? nearest(written, candidates) : undefined;

/** `did you mean "x"?`, else the list of what is known. */
export function suggestion(written: string, candidates: readonly string[]): string {
  const near = nearestTo(written, candidates) ?? alike(written, candidates);
  return near === undefined ? `one of: ${candidates.join(", ")}` : `did you mean "${near}"?`;
}

/** The only candidate that begins as what was written does. */
function alike(written: string, candidates: readonly string[]): string | undefined {
  const begin = written.slice(0, 5).toLowerCase();
  const found = begin.length < 5 ? [] : candidates.filter((candidate) => candidate.toLowerCase().startsWith(begin));
  return found.length === 1 ? found[0] : undefined;
}

/** Insertions, deletions, substitutions and swaps of neighbours. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const substituted = last[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1);
      let distance = Math.min(substituted, last[column]! + 1, current[column - 1]! + 1);
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        distance = Math.min(distance, beforeLast[column - 2]! + 1);
      }
      current.push(distance);
    }
    [beforeLast, last] = [last, current];
  }
  return last[b.length]!;
}
