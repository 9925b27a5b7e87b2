import { expect, test } from "vitest";
import vectors from "../../../vectors/tlog/ledger.json" with { type: "json" };
import { parseVerifierKey } from "./note.ts";
import { verifyLedger } from "./verify-ledger.ts";

interface Damage {
  readonly name: string;
  readonly edits?: readonly { readonly row: number; readonly columns?: Readonly<Record<string, unknown>>; readonly leaf?: string }[];
  readonly remove?: readonly number[];
  readonly faults: readonly (readonly [string, number, string])[];
}

test.each(vectors.cases as unknown as Damage[])("$name", async ({ edits = [], remove = [], faults }) => {
  const rows = vectors.rows
    .map((row, at) => {
      const edit = edits.find((each) => each.row === at);
      return { columns: { ...row.columns, ...edit?.columns }, leaf: Buffer.from(edit?.leaf ?? row.leaf) };
    })
    .filter((_, at) => !remove.includes(at));
  const report = await verifyLedger({ rows, checkpoints: vectors.checkpoints, keys: vectors.keys.map(parseVerifierKey), whole: true });
  const found = report.faults.map(({ tenant, sequence, kind }) => [tenant, sequence, kind]);
  if (faults.length === 0) expect(found).toEqual([]);
  else expect(found).toEqual(expect.arrayContaining(faults as unknown[]));
});
