import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type DetectorRow, type LabelledText, measureLabelled } from "./labelled.ts";
import { type Machine, machine } from "./machine.ts";
import { atLeast, type BenchOptions, type Goal } from "./report.ts";

export interface DetectorsReport {
  readonly machine: Machine;
  readonly texts: number;
  readonly rows: readonly DetectorRow[];
  readonly goals: readonly Goal[];
}

/** Their checksum or structure leaves little to chance; the others go by form and words. */
const exact = new Set(["credit_card", "iban", "uk_nhs", "crypto_wallet", "us_ssn", "us_itin", "email", "ip", "mac", "url_credentials"]);

/**
 * Recall and precision of every detector on what others have labelled, fetched from PyPI and the Go proxy.
 *
 * `AEGIS_LABELLED` names a folder to fetch into, and to take from what was fetched before; by default it goes away afterwards.
 * `AEGIS_LABELLED_CHECKOUTS` names one with clones of presidio, presidio-research and detect-secrets.
 *
 * @throws Error when python3 or pip is missing, or a registry does not answer
 */
export async function benchDetectors({ progress }: BenchOptions): Promise<DetectorsReport> {
  const kept = process.env.AEGIS_LABELLED;
  const folder = kept ?? (await mkdtemp(join(tmpdir(), "aegis-labelled-")));
  try {
    progress(`fetching what others labelled into ${folder}`);
    const checkouts = process.env.AEGIS_LABELLED_CHECKOUTS;
    const script = join(import.meta.dirname, "../labelled/fetch.sh");
    const { stdout } = await promisify(execFile)(script, checkouts === undefined ? [folder] : [folder, checkouts], {
      maxBuffer: 2 ** 28,
    });
    const texts = stdout.split("\n").filter((line) => line !== "");
    const rows = measureLabelled(texts.map((line) => JSON.parse(line) as LabelledText));
    for (const { examples, detector, source } of rows)
      for (const each of process.env.AEGIS_LABELLED_SHOW === detector ? examples : []) progress(`${detector} ${source} ${each}`);
    return { machine: machine(), texts: texts.length, rows, goals: goalsOf(rows) };
  } finally {
    if (kept === undefined) await rm(folder, { recursive: true, force: true });
  }
}

/** Both figures of each detector over all sources together, every label counted once. */
function goalsOf(rows: readonly DetectorRow[]): Goal[] {
  const goals: Goal[] = [];
  for (const detector of new Set(rows.map((row) => row.detector))) {
    const own = rows.filter((row) => row.detector === detector);
    const sum = (of: (row: DetectorRow) => number) => own.reduce((total, row) => total + of(row), 0);
    const [labelled, found, wrong] = [sum((row) => row.labelled), sum((row) => row.found), sum((row) => row.wrong)];
    if (labelled === 0) continue;
    const bar = exact.has(detector) ? 95 : 85;
    goals.push(atLeast(`${detector}: recall of ${labelled}`, (found / labelled) * 100, bar, "%"));
    goals.push(atLeast(`${detector}: precision of ${found + wrong}`, (found / (found + wrong)) * 100, bar, "%"));
  }
  return goals;
}
