import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { callRego } from "../src/bundle/rego-call.ts";
import type { Environment, Expression } from "../src/cel/expression.ts";
import { parseExpression } from "../src/cel/parse.ts";
import { prepareExpression } from "../src/cel/prepare.ts";
import { regoOf } from "../src/cel/rego.ts";
import { celRego } from "../src/cel/rego-library.ts";
import { CelCases } from "./cel-cases.ts";
import { opa } from "./opa-server.ts";
import { Random } from "./parity/random.ts";
import { respelled } from "./parity/spelling.ts";

const directory = mkdtempSync(join(tmpdir(), "aegis-cel-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** How many (expression, environment) pairs are compared; AEGIS_CEL_PAIRS says more. */
const pairs = Number(process.env.AEGIS_CEL_PAIRS ?? 3000);
const seed = Number(process.env.AEGIS_CEL_SEED ?? 7);
const expressionsAtOnce = 100;
const environmentsAtOnce = 30;

describe.skipIf(opa === undefined)("OPA, given expressions as Rego", () => {
  test(`gives the values and the places of errors that native evaluation gives, on ${pairs} pairs`, () => {
    const cases = new CelCases(seed);
    let told = 0;
    const kinds = new Set<string>();
    for (let done = 0; done < pairs; done += expressionsAtOnce * environmentsAtOnce) {
      const expressions = Array.from({ length: expressionsAtOnce }, () => accepted(cases));
      const environments = Array.from({ length: environmentsAtOnce }, () => JSON.parse(JSON.stringify(cases.environment())) as Environment);
      const answers = askOpa(expressions, environments);
      for (const [at, expression] of expressions.entries()) {
        const evaluate = prepareExpression(expression);
        for (const [given, environment] of environments.entries()) {
          const outcome = evaluate(environment);
          const native = outcome.ok ? { v: outcome.value } : { e: outcome.at };
          kinds.add(JSON.stringify(outcome.ok ? outcome.value : outcome.message.replace(/ \(.*/, "")));
          if (outcome.ok) told++;
          expect(answers[given]?.[at], `${expression.text}\n${JSON.stringify(environment)}`).toEqual([native]);
        }
      }
    }
    // The cases reach values and each kind of error.
    expect(told).toBeGreaterThan(pairs / 5);
    expect(kinds.size).toBeGreaterThan(15);
  }, 600_000);
});

describe.skipIf(opa === undefined)("arithmetic in OPA", () => {
  const amount = Number(process.env.AEGIS_CEL_SUMS ?? 300);
  test(`rounds as doubles do, bit by bit, in ${amount} operations most of which are hard to round`, () => {
    const cases = new CelCases(seed).operations(amount);
    const module = `package cel\n\nimport rego.v1\n\nanswers := [[r | r := cel_number(7, c[0], {"v": c[1]}, {"v": c[2]})] | some c in call]\n\n${celRego}\n${callRego}`;
    const answers = evaluated(module, cases) as readonly (readonly { v?: number; e?: number }[])[];
    for (const [index, [operator, a, b]] of cases.entries()) {
      const result = { "_+_": a + b, "_-_": a - b, "_*_": a * b, "_/_": a / b }[operator];
      const [answer] = answers[index] ?? [];
      // Zero has one sign in JSON.
      const told = answer?.v === undefined ? answer : { v: answer.v + 0 };
      const wanted = Number.isFinite(result) && !(operator === "_/_" && b === 0) ? { v: result + 0 } : { e: 7 };
      expect(told, `${a} ${operator} ${b}`).toEqual(wanted);
    }
  }, 600_000);
});

function accepted(cases: CelCases): Expression {
  while (true) {
    const parsed = parseExpression(cases.condition(), "condition");
    if (parsed.ok) return parsed.expression;
  }
}

function askOpa(expressions: readonly Expression[], environments: readonly Environment[]): readonly (readonly unknown[])[] {
  const functions = expressions.map((expression, at) => regoOf(expression, `expression_${at}`));
  const calls = expressions.map((_, at) => `[told | told := expression_${at}(env)]`).join(",\n\t\t");
  const module = `package cel\n\nimport rego.v1\n\nanswers := [[\n\t\t${calls},\n\t] |\n\tsome env in call\n]\n\n${celRego}\n${callRego}\n${functions.join("\n")}`;
  return evaluated(module, environments) as unknown[][];
}

function evaluated(module: string, given: unknown): unknown {
  const source = join(directory, "expressions.rego");
  const input = join(directory, "input.json");
  writeFileSync(source, module);
  writeFileSync(input, respelled(new Random(seed), JSON.stringify(given)));
  const output = execFileSync(opa!, ["eval", "--v1-compatible", "-f", "raw", "-d", source, "-i", input, "data.cel.answers"], {
    maxBuffer: 2 ** 28,
  });
  return JSON.parse(output.toString());
}
