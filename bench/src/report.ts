/** What every measurement is told. */
export interface BenchOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly progress: (line: string) => void;
}

/** A target beside what was measured. */
export interface Goal {
  readonly what: string;
  readonly measured: number;
  readonly target: number;
  readonly unit: string;
  readonly ok: boolean;
  /** Default: at most. */
  readonly bound?: "at least";
}

/** At most the target is good. */
export const goal = (what: string, measured: number, target: number, unit: string): Goal => ({
  what,
  measured: rounded(measured),
  target,
  unit,
  ok: measured <= target,
});

/** At least the target is good. */
export const atLeast = (what: string, measured: number, target: number, unit: string): Goal => ({
  ...goal(what, measured, target, unit),
  ok: measured >= target,
  bound: "at least",
});

/** Three significant digits. */
const rounded = (value: number): number => (Number.isFinite(value) ? Number(value.toPrecision(3)) : value);

/** A Markdown table of rows that have the same members. */
export function table(rows: readonly object[]): string {
  const [first] = rows;
  if (first === undefined) return "";
  const names = Object.keys(first);
  const cell = (value: unknown) => (typeof value === "number" ? String(rounded(value)) : String(value ?? ""));
  return [names, names.map(() => "---"), ...rows.map((row) => Object.values(row).map(cell))]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
}

/** Targets with ok or miss. */
export const goalsTable = (goals: readonly Goal[]): string =>
  table(
    goals.map(({ what, measured, target, unit, ok, bound = "at most" }) => ({
      target: what,
      measured: `${measured} ${unit}`,
      bound: `${bound} ${target} ${unit}`,
      "": ok ? "ok" : "miss",
    })),
  );
