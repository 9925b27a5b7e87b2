import { matchesName } from "../engine/limits.ts";
import type { EvaluationInput, Verdict } from "../input.ts";
import type { ActionRule, ParameterRule, Policy, PolicySet } from "../ir.ts";

/** A rule, and how many cases meet it. What allows is met when a call is judged by it; what refuses, when it refuses or asks. */
export interface CoverageItem {
  readonly kind: "action" | "deny" | "parameter" | "condition" | "dlp" | "session";
  readonly policy: string;
  /** What it is, as a person would say it. */
  readonly name: string;
  /** "file:line". */
  readonly rule: string;
  readonly hits: number;
}

interface Run {
  readonly input: EvaluationInput;
  readonly verdict: Verdict;
}

type Meets = (run: Run) => boolean;

/** Every rule that a test can meet, in source order, with how many of the runs do. */
export function coverageOf({ policies }: PolicySet, runs: readonly Run[]): CoverageItem[] {
  return policies.flatMap((policy) => {
    const mine = runs.filter(({ input }) => policy.agents.some((agent) => matchesName(agent, input.principal.agent)));
    return itemsOf(policy).map(({ meets, ...item }) => ({ ...item, policy: policy.name, hits: mine.filter(meets).length }));
  });
}

type Item = Omit<CoverageItem, "policy" | "hits"> & { readonly meets: Meets };

function itemsOf({ dlp, session = [], tools }: Policy): Item[] {
  return [
    ...dlp.map(
      ({ rule, action, detect }): Item => ({ kind: "dlp", name: `${action} ${detect.join(", ")}`, rule, meets: says("pii_found", rule) }),
    ),
    ...session.map(({ rule, after }): Item => ({ kind: "session", name: `after ${after}`, rule, meets: says("session_flow", rule) })),
    ...tools.flatMap(({ name: tool, deny, actions }) => [
      ...deny.map(({ rule, action }): Item => ({ kind: "deny", name: `${tool}:${action}`, rule, meets: says("explicitly_denied", rule) })),
      ...actions.flatMap((action) => actionItems(tool, action)),
    ]),
  ];
}

function actionItems(tool: string, action: ActionRule): Item[] {
  const name = `${tool}:${action.name}`;
  const called: Meets = ({ input }) => input.tool === tool && input.action === action.name;
  const { when } = action;
  return [
    { kind: "action", name, rule: action.rule, meets: called },
    ...action.parameters.flatMap((parameter) =>
      boundsOf(parameter).map(
        ({ text, meets }): Item => ({
          kind: "parameter",
          name: `${name} ${parameter.name} ${text}`,
          rule: parameter.rule,
          meets: (run) => called(run) && meets(run),
        }),
      ),
    ),
    ...(when === undefined
      ? []
      : [
          {
            kind: "condition",
            name: `${name} when ${when.expression.text}`,
            rule: when.rule,
            meets: says("condition_false", when.rule),
          } as const,
        ]),
  ];
}

/** Whether a reason of this code names the rule, in force or in shadow. */
const says =
  (code: string, rule: string): Meets =>
  ({ verdict: { reasons, shadow } }) =>
    [...reasons, ...(shadow?.reasons ?? [])].some((reason) => reason.code === code && reason.rule === rule);

function boundsOf({ name, rule, min, max, exclusiveMin, exclusiveMax, minLength, maxLength, matches, enum: allowed }: ParameterRule) {
  const found: { readonly text: string; readonly meets: Meets }[] = [];
  const value = ({ input }: Run) => (Object.hasOwn(input.arguments, name) ? input.arguments[name] : undefined);
  const numeric = (text: string, bound: number | undefined, breaks: (value: number, bound: number) => boolean) => {
    if (bound === undefined) return;
    const broken: Meets = (run) => {
      const given = value(run);
      return typeof given === "number" && breaks(given, bound);
    };
    found.push({ text: `${text} ${bound}`, meets: broken });
  };
  const length = (text: string, bound: number | undefined, breaks: (length: number, bound: number) => boolean) => {
    if (bound === undefined) return;
    const broken: Meets = (run) => {
      const given = value(run);
      return typeof given === "string" && breaks([...given].length, bound);
    };
    found.push({ text: `${text} ${bound} characters`, meets: broken });
  };
  numeric("at least", min, (given, bound) => given < bound);
  numeric("above", exclusiveMin, (given, bound) => given <= bound);
  numeric("at most", max, (given, bound) => given > bound);
  numeric("below", exclusiveMax, (given, bound) => given >= bound);
  length("at least", minLength, (given, bound) => given < bound);
  length("at most", maxLength, (given, bound) => given > bound);
  if (allowed !== undefined) found.push({ text: "one of its values", meets: says("parameter_not_in_set", rule) });
  if (matches !== undefined) found.push({ text: "its pattern", meets: says("parameter_pattern", rule) });
  return found;
}
