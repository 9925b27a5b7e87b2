import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { action, repositoryRoot } from "../context.ts";
import { Failure, usage } from "../failure.ts";
import { drills, runDrill } from "../suite/drills.ts";
import type { StageResult } from "../suite/stage.ts";
import { stageNames, stages } from "../suite/stages.ts";
import { summaries } from "./summaries.ts";

/** `aegis test`, `aegis drill` and `aegis bench`: the clone's own suite, drills and measurements. */
export function suiteCommands(program: Command): void {
  program
    .command("test")
    .description(summaries.test)
    .option("--only <stages>", `some of ${stageNames.join(",")}`)
    .action(
      action<{ only?: string }, []>(async (context, options) => {
        const wanted = options.only?.split(",").map((name) => name.trim()) ?? [...stageNames];
        const unknown = wanted.find((name) => !stageNames.some((known) => known === name));
        if (unknown !== undefined) throw usage(`there is no stage "${unknown}": use ${stageNames.join(", ")}`);
        const { suiteTools } = await import("../suite/tools.ts");
        const environment = await suiteTools((text) => context.output.progress(text));
        const results: StageResult[] = [];
        for (const stage of stages(environment).filter(({ name }) => wanted.includes(name))) {
          context.output.progress(`\n=== ${stage.name} ===`);
          const begun = performance.now();
          const { notes = [], ...counts } = await stage.run();
          const seconds = Math.round((performance.now() - begun) / 100) / 10;
          results.push({ name: stage.name, seconds, ...counts, notes });
          context.output.progress(`=== ${stage.name}: ${tally(counts)} in ${seconds} s ===`);
        }
        for (const note of results.flatMap((result) => result.notes)) context.output.progress(note);
        const total = results.reduce(
          (sum, { passed, failed, skipped }) => ({
            passed: sum.passed + passed,
            failed: sum.failed + failed,
            skipped: sum.skipped + skipped,
          }),
          { passed: 0, failed: 0, skipped: 0 },
        );
        context.output.result({ ...total, stages: results }, () => tally(total));
        return total.failed === 0 ? 0 : 1;
      }),
    );
  program
    .command("drill")
    .description(summaries.drill)
    .argument("[name]", Object.keys(drills).join(", "))
    .option("--short", "in the form that the suite runs")
    .option("--sabotage [defect]", "plant a defect first: exit 0 only when the drill finds it")
    .action(
      action<{ short?: boolean; sabotage?: string | true }, [string | undefined]>(async (context, options, name) => {
        if (name !== undefined && !(name in drills)) throw usage(`there is no drill "${name}": ${Object.keys(drills).join(", ")}`);
        const { suiteTools } = await import("../suite/tools.ts");
        const environment = await suiteTools((text) => context.output.progress(text));
        const failed: string[] = [];
        for (const each of name === undefined ? Object.keys(drills) : [name]) {
          context.output.progress(`\n=== ${each} ===`);
          if (!(await runDrill(each, { environment, short: options.short === true, sabotage: options.sabotage }))) failed.push(each);
        }
        context.output.result({ failed }, () => (failed.length === 0 ? "all hold" : `failed: ${failed.join(", ")}`));
        return failed.length === 0 ? 0 : 1;
      }),
    );
  program
    .command("bench")
    .description(summaries.bench)
    .argument("[arguments...]", "passed on")
    .allowUnknownOption()
    .helpOption(false)
    .action(
      action<object, [string[]]>(async (context, _options, given) => {
        const script = join(repositoryRoot, "bench", "src", "main.ts");
        if (!existsSync(script)) throw new Failure("this clone has no bench/src/main.ts");
        return run(script, context.json ? [...given, "--json"] : given);
      }),
    );
}

const tally = ({ passed, failed, skipped }: { passed: number; failed: number; skipped: number }): string =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`;

function run(script: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", script, ...args], {
      cwd: repositoryRoot,
      stdio: "inherit",
    });
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
}
