import { usage } from "./failure.ts";

const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** An instant as people give it, in RFC 3339: a time, a date, or how long ago ("15m", "2h", "7d"). Throws a usage failure otherwise. */
export function instant(text: string, now = new Date()): string {
  const [, amount, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (amount !== undefined && unit !== undefined) return new Date(now.getTime() - Number(amount) * (units[unit] ?? 0)).toISOString();
  const time = /^\d{4}-\d\d-\d\d(T.*)?$/.test(text) ? new Date(text) : undefined;
  if (time === undefined || Number.isNaN(time.getTime()))
    throw usage(`"${text}" is no time: write 2026-01-31T12:00:00Z, 2026-01-31, or how long ago, as 15m, 2h or 7d`);
  return time.toISOString();
}
