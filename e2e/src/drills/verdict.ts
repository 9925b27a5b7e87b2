import { expect } from "vitest";
import type { Load } from "./load.ts";
import { type Site, sabotageOf } from "./site.ts";

/** The two figures that no drill may show above 0. */
interface Verdict {
  /** Replied allows without a row in the ledger. */
  readonly missing: number;
  readonly duplicates: number;
}

/**
 * Waits for the ledger and judges. With a planted defect the drill must have found it: a drill that passes then could not fail at all.
 */
export async function judge(site: Site, load: Load, name: string, figures: Readonly<Record<string, unknown>>): Promise<void> {
  const sabotage = sabotageOf();
  const missing = await site.ledger.settled(load.allowed, sabotage === undefined ? 45_000 : 20_000);
  const verdict: Verdict = { missing, duplicates: await site.ledger.duplicates() };
  const all = { allowed: load.allowed.length, ...figures, ...verdict };
  const line = Object.entries(all).map(([figure, value]) => `${figure} ${typeof value === "object" ? JSON.stringify(value) : value}`);
  console.log(`${name}${sabotage === undefined ? "" : ` with ${sabotage}`}: ${line.join(", ")}`);
  expect(load.allowed.length, "the drill must have let calls pass").toBeGreaterThan(0);
  if (sabotage === undefined) expect(verdict).toEqual({ missing: 0, duplicates: 0 });
  else expect(verdict, `${sabotage} was planted and not found`).not.toEqual({ missing: 0, duplicates: 0 });
}
