/** How a window's spending is likely to end. Times in milliseconds since 1970. */
export interface Forecast {
  /** Units spent by the end of the window if it goes on as so far. */
  readonly projected: number;
  /** When the limit is reached at that pace, if before the window ends. */
  readonly exhaustedAt?: number;
}

/** Less of a window than this says nothing of the rest. */
const leastShare = 0.01;

/** Goes on at the pace of the window so far. Undefined too early in it to tell, and for a window without an end. */
export function forecast(
  line: { readonly windowStart: number; readonly windowEnd: number | undefined; readonly limit: number; readonly settled: number },
  now: number,
): Forecast | undefined {
  const { windowStart, windowEnd, limit, settled } = line;
  if (windowEnd === undefined) return undefined;
  const [elapsed, length] = [now - windowStart, windowEnd - windowStart];
  if (elapsed < length * leastShare) return undefined;
  const projected = Math.round((settled / elapsed) * length);
  if (settled >= limit) return { projected, exhaustedAt: now };
  if (settled === 0) return { projected };
  const exhaustedAt = Math.ceil(now + ((limit - settled) / settled) * elapsed);
  return exhaustedAt < windowEnd ? { projected, exhaustedAt } : { projected };
}
