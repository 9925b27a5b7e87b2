import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OpaServers, opa } from "./opa-server.ts";
import { runParity } from "./parity/run.ts";
import { sabotaged } from "./parity/sabotage.ts";
import { shrink } from "./parity/shrink.ts";

/** A long run: AEGIS_PARITY_PAIRS=100000 AEGIS_PARITY_SEED=7. */
const pairs = Number(process.env.AEGIS_PARITY_PAIRS ?? 5_000);
const seed = Number(process.env.AEGIS_PARITY_SEED ?? 20_260_101);

let servers: OpaServers;

beforeAll(async () => {
  servers = await OpaServers.create();
});

afterAll(() => servers.close());

describe.skipIf(opa === undefined)("two engines (set AEGIS_OPA, or put opa on PATH or in .aegis/tools)", () => {
  test(`give ${pairs} generated calls the same verdicts`, { timeout: 60_000 + pairs * 60 }, async () => {
    const report = await runParity({ servers, pairs, seed });
    console.log(
      [
        `${report.pairs} pairs in ${report.bundles} bundles, ${report.seconds.toFixed(1)} s, ${report.differences.length} differences`,
        `${report.documents - report.refused} of ${report.documents} generated documents compiled`,
        ...report.coverage.table(),
      ].join("\n"),
    );
    for (const difference of report.differences) console.error(await shrink(difference, servers));
    expect(report.differences).toHaveLength(0);
    expect(report.pairs).toBe(pairs);
    expect(report.coverage.missing(Math.ceil(pairs / 1_000))).toEqual([]);
    expect(report.refused / report.documents).toBeLessThan(0.3);
  });

  test.each([
    ["a bound that is compared the other way round", "value > parameter.max", "value >= parameter.max"],
    ["an explicit deny that is overlooked", "named(rule.action, call.action)", "rule.action == call.action"],
    ["a label that is overlooked", "some label in call.session.labels", "some label in call.session.calls"],
    ["a star that matches only itself", 'segment in {"*", given[k]}', "segment == given[k]"],
    ["a condition's error that a person may lift", "truth_of(rule) == false", "truth_of(rule) != true"],
    ["numbers that are compared as they are spelled", "count(unusual) == 0", "count(unusual) >= 0"],
    ["a number that no double can hold", "not shortest in {", "shortest in {"],
    ["a reason in another place", "flows(at, phase, actor) := {[phase, actor, at, 6,", "flows(at, phase, actor) := {[phase, actor, at, 1,"],
  ])("notice %s", { timeout: 120_000 }, async (_, operator, other) => {
    const sabotage = sabotaged(servers, operator, other);
    const report = await runParity({ servers, pairs: 5_000, seed, most: 1, sabotage }).catch((error: unknown) => {
      // Without what guards it, OPA's own comparison panics over some spellings and hangs up: no answer is another answer.
      if (error instanceof TypeError && error.message === "fetch failed") return { differences: [error] };
      throw error;
    });
    expect(report.differences).not.toEqual([]);
  });
});
