import { leaves } from "./pointer.ts";

/** How one argument stands to those of earlier requests for the same call. */
export interface Comparison {
  /** RFC 6901, into the arguments. */
  readonly pointer: string;
  /** For a person: "above all of 12 earlier (6,000 to 12,000)". */
  readonly says: string;
  /** Whether a person should look twice. */
  readonly unusual: boolean;
}

type Arguments = Readonly<Record<string, unknown>>;

/** Fewer requests tell nothing of what is usual. */
const fewest = 3;
const mostLeaves = 30;

/**
 * What is different this time: each argument of a held call beside those of earlier held calls of the same agent, tool and action, newest
 * first. Empty when there were too few to compare with. All of them are as authz redacted them.
 */
export function compare(present: Arguments, earlier: readonly Arguments[]): Comparison[] {
  if (earlier.length < fewest) return [];
  const before = earlier.map((one) => new Map(leaves(one, mostLeaves)));
  const comparisons = leaves(present, mostLeaves).map(([pointer, value]) => {
    const known = before.flatMap((one) => (one.has(pointer) ? [one.get(pointer)] : []));
    return { pointer, ...beside(value, known, earlier.length) };
  });
  const here = new Set(comparisons.map(({ pointer }) => pointer));
  const always = [...(before[0]?.keys() ?? [])].filter((pointer) => !here.has(pointer) && before.every((one) => one.has(pointer)));
  const missing = always.map((pointer) => ({ pointer, says: `missing, and was there in all ${earlier.length} earlier`, unusual: true }));
  return [...comparisons, ...missing];
}

function beside(value: unknown, known: readonly unknown[], of: number): Omit<Comparison, "pointer"> {
  if (known.length === 0) return { says: `not given in any of ${of} earlier`, unusual: true };
  const same = known.filter((one) => one === value).length;
  if (typeof value === "number") {
    const numbers = known.filter((one): one is number => typeof one === "number");
    if (numbers.length === 0) return { says: `a number for the first time in ${of}`, unusual: true };
    const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
    const range = least === most ? figure(least) : `${figure(least)} to ${figure(most)}`;
    if (value > most) return { says: `above all of ${numbers.length} earlier (${range})`, unusual: true };
    if (value < least) return { says: `below all of ${numbers.length} earlier (${range})`, unusual: true };
    return { says: `within ${numbers.length} earlier (${range})`, unusual: false };
  }
  if (same === 0) return { says: `never this in ${known.length} earlier`, unusual: true };
  return { says: `the same in ${same} of ${known.length} earlier`, unusual: false };
}

const figure = (value: number): string => value.toLocaleString("en-US", { maximumFractionDigits: 6 });
