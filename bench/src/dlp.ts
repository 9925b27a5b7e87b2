import { detectorNames, scan, scanText } from "@aegis/dlp/detect";
import { type Machine, machine } from "./machine.ts";
import { type BenchOptions, type Goal, goal } from "./report.ts";
import { median } from "./rounds.ts";
import { spin } from "./spin.ts";

interface Row {
  readonly text: string;
  readonly kib: number;
  readonly found: number;
  /** Microseconds of processor time for each KiB of text, median of the rounds. */
  readonly microsPerKib: number;
  /** The time for each KiB over that of 16 KiB of the same kind: 1 is linear. Below, what one call costs at all is most of it. */
  readonly growth: number;
}

export interface DlpReport {
  readonly machine: Machine;
  readonly rounds: number;
  readonly rows: readonly Row[];
  readonly goals: readonly Goal[];
}

const prose =
  "Please review the quarterly report before the meeting in Berlin: revenue grew by 12 % while costs stayed flat, and the board asked " +
  "whether the migration of the archive (about 48,000 files) can be done by the end of November. See https://docs.example.com/plan?id=48213 " +
  "for details, version 2.4.1, approved on 2026-11-03. ";
const personal = `${prose}Contact jane.doe@example.com or +44 20 7946 0018, card 4111 1111 1111 1111, IBAN DE89 3704 0044 0532 0130 00. `;
const accented =
  "Überweisung für Müller & Söhne: Prüfung der Rechnung erfolgt später, Größe und Menge laut Anhang – danke für Ihr Verständnis. ";
const record = (index: number) => ({
  id: index,
  uuid: "550e8400-e29b-41d4-a716-446655440000",
  name: "Ada Example",
  email: index % 10 === 0 ? "ada@example.com" : null,
  amount: 1234.5 + index,
  tags: ["invoice", "eu", "priority-2"],
  note: "sent on 2026-11-03, see order 48213",
});

/** Texts that make careless patterns slow, repeated to the size asked for. */
const adversarial: Readonly<Record<string, string>> = {
  digits: "1",
  "digit groups": "1 ",
  "at signs": "@",
  "a@": "a@",
  dots: "a.",
  "domain names": "a.b@c.",
  "nested quotes": '\\"',
  assignments: "password=aA1",
  "secret names": "token",
  cards: "4111111111111111 ",
  "IBAN starts": "GB82 ",
  "percent signs": "%41",
  "zero width": "\u200b1",
  base64: "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo",
  "private keys": "-----BEGIN PRIVATE KEY-----",
};

const sizes = [1, 2, 16, 128, 1024];

const filled = (piece: string, bytes: number) => piece.repeat(Math.ceil(bytes / piece.length)).slice(0, bytes);

/** All detectors over plain text, JSON and hostile text, from 1 KiB to 1 MiB. */
export function benchDlp({ rounds, seconds, progress }: BenchOptions): DlpReport {
  const kinds: [string, (bytes: number) => () => number][] = [
    ["plain text", text(prose)],
    ["plain text with findings", text(personal)],
    ["accented text", text(accented)],
    ["JSON", json],
    ...Object.entries(adversarial).map(([name, piece]): [string, (bytes: number) => () => number] => [`hostile: ${name}`, text(piece)]),
  ];
  const rows: Row[] = [];
  for (const [name, of] of kinds) {
    const runs = sizes.map((kib) => ({ kib, look: of(kib * 1024), times: [] as number[] }));
    // Cold code is not what is measured; small texts are looked at thousands of times before they count.
    for (const { look } of runs) spin(once(look), seconds * 100);
    for (let round = 0; round < rounds; round++) for (const { kib, look, times } of runs) times.push(spin(once(look), seconds * 10) / kib);
    const base = median(runs.find(({ kib }) => kib === 16)?.times ?? []);
    for (const { kib, look, times } of runs) {
      const microsPerKib = median(times);
      rows.push({ text: name, kib, found: look(), microsPerKib, growth: microsPerKib / base });
    }
    progress(`${name}: ${rows.at(-1)?.microsPerKib.toFixed(1)} us per KiB at 1 MiB`);
  }
  const ordinary = rows.find((row) => row.text === "plain text" && row.kib === 2);
  const growth = Math.max(...rows.filter(({ kib }) => kib === 1024).map((row) => row.growth));
  return {
    machine: machine(),
    rounds,
    rows,
    goals: [
      goal("2 KiB of ordinary text, all detectors", (ordinary?.microsPerKib ?? Number.NaN) * 2, 100, "us"),
      goal("worst growth per KiB from 16 KiB to 1 MiB", growth, 3, "x"),
    ],
  };
}

const once = (look: () => number) => () => {
  look();
  return 1;
};

const text = (piece: string) => (bytes: number) => {
  const whole = filled(piece, bytes);
  return () => scanText(whole, detectorNames).length;
};

function json(bytes: number): () => number {
  const records = Array.from({ length: Math.ceil(bytes / JSON.stringify(record(100)).length) }, (_, index) => record(index));
  return () => scan({ records }, detectorNames).length;
}
