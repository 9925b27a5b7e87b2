import type { JsonObject } from "@aegis/canonical/ijson";
import type { DecisionName, Reason } from "@aegis/contracts/reasons";
import { scan } from "@aegis/dlp/detect";
import type { Snapshot } from "../engine/snapshot.ts";
import type { EvaluationInput, Verdict } from "../input.ts";
import type { PolicySet } from "../ir.ts";
import { inputOf, type PolicyStage, policyStage, type RecordedDecision } from "./recorded-call.ts";
import { SessionLog } from "./session-log.ts";
import { prepareWithheld, type Withheld } from "./withheld.ts";

export interface ReplayOptions {
  /** Of each change, at most so many examples. */
  readonly examples: number;
  /** Compare what enforcement of everything in shadow would say, then and now. */
  readonly asEnforced?: boolean | undefined;
}

export interface Transition {
  readonly from: DecisionName;
  readonly to: DecisionName;
  readonly calls: number;
}

/** One call that a draft decides otherwise. Arguments are as recorded: redacted. */
export interface Example {
  readonly decisionId: string;
  readonly time: string;
  readonly agent: string;
  readonly tool: string;
  readonly action: string;
  readonly arguments: JsonObject;
  readonly before: readonly Pick<Reason, "code" | "rule">[];
  readonly after: readonly Reason[];
}

export interface ReplayGroup {
  readonly agent: string;
  readonly tool: string;
  readonly action: string;
  readonly calls: number;
  readonly changed: number;
  readonly transitions: readonly Transition[];
}

export interface ReplayReport {
  /** Records read. Each was compared, or stands in `notCompared`. */
  readonly records: number;
  readonly compared: number;
  readonly changed: number;
  /** Of those compared, the ones whose recorded answer came from state (a budget, an override): compared by what policies said. */
  readonly onPolicyGrounds: number;
  readonly dryRuns: number;
  /** Records whose call cannot be known exactly, or that no policy had a say in: not guessed at. */
  readonly notCompared: readonly { readonly why: string; readonly calls: number }[];
  /** Every pair of decisions that occurs, the unchanged ones too. */
  readonly transitions: readonly (Transition & { readonly examples: readonly Example[] })[];
  /** By agent, tool and action: those with changes first. */
  readonly groups: readonly ReplayGroup[];
  /** The draft's reasons in calls that it decides otherwise. */
  readonly reasons: readonly { readonly code: string; readonly rule?: string | undefined; readonly calls: number }[];
  /** In micro-USD, over the calls compared: what they cost, and what those that the draft lets through would have. */
  readonly cost: { readonly before: number; readonly after: number };
}

const mostGroups = 10_000;
const separator = "\n";

/** A draft over recorded decisions, one after the other in the order they were made; nothing is kept of a record but counts and a few examples. */
export class Replay {
  readonly #draft: Snapshot;
  readonly #options: ReplayOptions;
  readonly #withheld: Withheld;
  readonly #sessions: SessionLog;
  readonly #ownDetectors: ReadonlySet<string>;
  readonly #notCompared = new Tally();
  readonly #transitions = new Tally();
  readonly #groups = new Map<string, Tally>();
  readonly #reasons = new Tally();
  readonly #examples = new Map<string, Example[]>();
  #records = 0;
  #compared = 0;
  #onPolicyGrounds = 0;
  #dryRuns = 0;
  #before = 0;
  #after = 0;

  constructor(draft: Snapshot, policies: PolicySet, options: ReplayOptions) {
    this.#draft = draft;
    this.#options = options;
    this.#ownDetectors = new Set(policies.detectors?.map(({ name }) => name));
    this.#withheld = prepareWithheld(policies);
    this.#sessions = new SessionLog(policies);
  }

  get records(): number {
    return this.#records;
  }

  /** `decidedBy`: the revision that decided then, for a record that a state refused (see `policyStage`); undefined when it is unknown. */
  add(record: RecordedDecision, decidedBy?: Snapshot): void {
    const { data } = record;
    this.#records++;
    if (data.dryRun) this.#dryRuns++;
    const input = this.#withOwnFindings(this.#sessions.complete(inputOf(record)));
    const why = data.kind === "check_result" ? "it is about a result, not a call" : this.#withheld(data);
    const stage = policyStage(data);
    const before = why === undefined ? this.#recordedDecision(record, stage, decidedBy) : undefined;
    if (before === undefined) this.#notCompared.add(why ?? notJudged[stage.kind]);
    else this.#compare(record, stage, before, this.#draft.evaluate(input));
    if (data.decision === "allow" || data.decision === "sanitize") this.#sessions.letThrough(input);
  }

  report(): ReplayReport {
    const transitions = this.#transitions
      .entries()
      .map(([key, calls]) => ({ ...pair(key), calls, examples: this.#examples.get(key) ?? [] }));
    return {
      records: this.#records,
      compared: this.#compared,
      changed: transitions.reduce((sum, { from, to, calls }) => (from === to ? sum : sum + calls), 0),
      onPolicyGrounds: this.#onPolicyGrounds,
      dryRuns: this.#dryRuns,
      notCompared: this.#notCompared.entries().map(([why, calls]) => ({ why, calls })),
      transitions,
      groups: [...this.#groups].map(([key, tally]) => groupOf(key, tally)).sort((a, b) => b.changed - a.changed || b.calls - a.calls),
      reasons: this.#reasons.entries().map(([key, calls]) => {
        const [code = "", rule = ""] = key.split(separator);
        return { code, ...(rule === "" ? {} : { rule }), calls };
      }),
      cost: { before: this.#before, after: this.#after },
    };
  }

  /** What the draft's own detectors find in what is recorded: then, nobody may have looked for it. */
  #withOwnFindings(input: EvaluationInput): EvaluationInput {
    if (this.#ownDetectors.size === 0) return input;
    const known = new Set(input.findings.map(({ detector, pointer }) => `${detector}${pointer}`));
    const found = scan(input.arguments, this.#draft.detectors(input.principal.agent)).filter(
      ({ detector, pointer }) => this.#ownDetectors.has(detector) && !known.has(`${detector}${pointer}`),
    );
    return found.length === 0 ? input : { ...input, findings: [...input.findings, ...found] };
  }

  /** What the policies of that time said; undefined when that cannot be known. */
  #recordedDecision(record: RecordedDecision, stage: PolicyStage, decidedBy: Snapshot | undefined): DecisionName | undefined {
    const { shadow } = record.data;
    if (stage.kind === "judged") return this.#options.asEnforced === true && shadow !== undefined ? shadow.decision : stage.decision;
    if (stage.kind === "identity" || decidedBy === undefined) return undefined;
    return this.#decisionOf(decidedBy.evaluate(inputOf(record)));
  }

  #decisionOf(verdict: Verdict): DecisionName {
    return this.#options.asEnforced === true ? (verdict.shadow?.decision ?? verdict.decision) : verdict.decision;
  }

  #compare(record: RecordedDecision, stage: PolicyStage, from: DecisionName, verdict: Verdict): void {
    const { data } = record;
    const to = this.#decisionOf(verdict);
    this.#compared++;
    if (stage.kind === "state" || (stage.kind === "judged" && stage.overridden)) this.#onPolicyGrounds++;
    const key = `${from}${separator}${to}`;
    this.#transitions.add(key);
    const group = [data.principal.agent, data.tool, data.action].join(separator);
    this.#groupOf(group).add(key);
    if (!data.dryRun) {
      this.#before += data.cost?.microUsd ?? 0;
      const goes = to === "allow" || to === "sanitize" || (to === "approval_needed" && data.overrideOf !== undefined);
      if (goes && stage.kind === "judged") this.#after += verdict.cost.microUsd;
    }
    if (from === to) return;
    const reasons = this.#options.asEnforced === true ? (verdict.shadow?.reasons ?? verdict.reasons) : verdict.reasons;
    for (const one of new Set(reasons.map(({ code, rule }) => `${code}${separator}${rule ?? ""}`))) this.#reasons.add(one);
    this.#keepExample(key, record, reasons);
  }

  #groupOf(key: string): Tally {
    const kept = this.#groups.has(key) || this.#groups.size < mostGroups ? key : ["(others)", "", ""].join(separator);
    const group = this.#groups.get(kept) ?? new Tally();
    this.#groups.set(kept, group);
    return group;
  }

  #keepExample(key: string, { time, data }: RecordedDecision, after: readonly Reason[]): void {
    const examples = this.#examples.get(key) ?? [];
    if (examples.length >= this.#options.examples) return;
    this.#examples.set(key, examples);
    examples.push({
      decisionId: data.decisionId,
      time,
      agent: data.principal.agent,
      tool: data.tool,
      action: data.action,
      arguments: shown(data.arguments as JsonObject),
      before: data.reasons.map(({ code, rule }) => ({ code, ...(rule === undefined ? {} : { rule }) })),
      after: after.slice(0, 10),
    });
  }
}

const notJudged: Readonly<Record<PolicyStage["kind"], string>> = {
  judged: "",
  state: "a state refused it, and the revision that decided is not known",
  identity: "it was refused before any policy was asked",
};

/** Counts by key, the largest first. */
class Tally {
  readonly #counts = new Map<string, number>();

  add(key: string): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  entries(): [string, number][] {
    return [...this.#counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  }
}

function pair(key: string): { from: DecisionName; to: DecisionName } {
  const [from, to] = key.split(separator) as [DecisionName, DecisionName];
  return { from, to };
}

function groupOf(key: string, tally: Tally): ReplayGroup {
  const [agent = "", tool = "", action = ""] = key.split(separator);
  const transitions = tally.entries().map(([one, calls]) => ({ ...pair(one), calls }));
  const calls = transitions.reduce((sum, one) => sum + one.calls, 0);
  const changed = transitions.reduce((sum, one) => (one.from === one.to ? sum : sum + one.calls), 0);
  return { agent, tool, action, calls, changed, transitions };
}

const mostShown = 2_000;

/** An example is for reading: long arguments are left out of it. */
function shown(recorded: JsonObject): JsonObject {
  const text = JSON.stringify(recorded);
  return text.length <= mostShown ? recorded : { "aegis:omitted": `${text.length} characters` };
}
