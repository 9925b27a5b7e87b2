/** An instant in microseconds as text: RFC 3339 with milliseconds, or with microseconds when they are not zero; what is no such time stays as it is. */
export function instant(microseconds: string | null): string | null {
  const [, whole] = /^(-?\d+)(?:\.0+)?$/.exec(microseconds ?? "") ?? [];
  if (whole === undefined) return microseconds;
  const [milliseconds, rest] = [Number(BigInt(whole) / 1000n), BigInt(whole) % 1000n];
  if (Math.abs(milliseconds) > 8.64e15) return microseconds;
  const text = new Date(milliseconds).toISOString();
  return rest === 0n ? text : `${text.slice(0, -1)}${rest.toString().padStart(3, "0")}Z`;
}
