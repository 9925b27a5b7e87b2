import type { JsonObject } from "@aegis/canonical/ijson";
import { namePattern, toolPattern } from "@aegis/contracts/name-patterns";
import { compile } from "../../language/compile.ts";
import { prepareDraft } from "../draft.ts";
import { scopeItem } from "../recorded-call.ts";
import { type ActionDraft, draftAction, noPause, type Pause } from "./action-draft.ts";
import { destinationBound } from "./destination-bound.ts";
import { type Draft, draftText, type TextOptions } from "./draft-text.ts";
import { isRedacted } from "./redacted-text.ts";
import type { Traffic } from "./traffic.ts";
import { thousands } from "./yaml-text.ts";

export { Traffic } from "./traffic.ts";

export interface LearnOptions {
  readonly tenant: string;
  readonly agent: string;
  /** Actions called less often are left out, and named. */
  readonly leastCalls: number;
  /** The largest draft, in UTF-8 bytes. */
  readonly mostBytes: number;
  /** Write the observed rates as limits. */
  readonly limits?: boolean | undefined;
}

export interface Learned {
  /** The document; "" when there was nothing to learn from. */
  readonly draft: string;
  readonly calls: number;
  readonly refused: number;
  readonly dryRuns: number;
  /** When the calls were made, RFC 3339. */
  readonly from: string;
  readonly to: string;
  readonly tools: number;
  readonly actions: number;
  readonly parameters: number;
  readonly bytes: number;
  readonly mostBytes: number;
  readonly leftOut: readonly { readonly tool: string; readonly action: string; readonly calls: number }[];
  /** The draft over calls that it was learned from, with the engine itself. */
  readonly check: { readonly calls: number; readonly allowed: number };
  readonly remarks: readonly string[];
}

const mostTools = 64;
const mostActions = 256;
const mostParameters = 64;
/** How long lists of values may be, from try to try, until the draft fits. */
const memberSteps = [50, 12, 0];
const mostPurposes = 16;

/**
 * A draft policy that allows what an agent did and what is like it. It compiles; what the language could not take is left out and said.
 * It takes seconds of one thread: between its steps it pauses, so that whoever shares the thread gets on.
 */
export async function learn(traffic: Traffic, options: LearnOptions, pause: Pause = noPause): Promise<Learned> {
  const byCalls = [...traffic.actions.values()].sort(
    (a, b) => b.calls - a.calls || (`${a.tool} ${a.action}` < `${b.tool} ${b.action}` ? -1 : 1),
  );
  const tools = new Set(
    byCalls
      .map(({ tool }) => tool)
      .filter((tool, at, all) => all.indexOf(tool) === at)
      .slice(0, mostTools),
  );
  const wanted = byCalls.filter(({ calls, tool }) => calls >= options.leastCalls && tools.has(tool)).slice(0, mostActions);
  if (wanted.length === 0) return report(traffic, options, "", [], byCalls, { calls: 0, allowed: 0 }, []);
  for (const members of memberSteps) {
    const actions: ActionDraft[] = [];
    for (const action of wanted) actions.push(await draftAction(action, { members, parameters: mostParameters }, pause));
    // Only the shortest lists left: what still does not fit is left out, the rarest first.
    const least = members === memberSteps.at(-1) ? 1 : actions.length;
    for (let kept = actions.length; kept >= least; kept = Math.floor(kept * 0.9)) {
      await pause();
      const made = await write(traffic, options, actions.slice(0, kept), byCalls, pause);
      if (Buffer.byteLength(made.draft) <= options.mostBytes) return made;
    }
  }
  return report(traffic, options, "", [], byCalls, { calls: 0, allowed: 0 }, ["not even one action fits into the size that was asked for"]);
}

type Counted = { readonly tool: string; readonly action: string; readonly calls: number };

/** The richest text that compiles and that lets through what it was learned from. */
async function write(
  traffic: Traffic,
  options: LearnOptions,
  actions: readonly ActionDraft[],
  all: readonly Counted[],
  pause: Pause,
): Promise<Learned> {
  const kept = new Set(actions.map(({ tool, action }) => `${tool}\n${action}`));
  const leftOut = all
    .filter(({ tool, action }) => !kept.has(`${tool}\n${action}`))
    .map(({ tool, action, calls }) => ({ tool, action, calls }));
  const egress = traffic.destinations.length === 0 ? undefined : destinationBound(traffic.destinations);
  const remarks = remarksOf(traffic, egress === undefined);
  const draft: Draft = {
    ...options,
    calls: traffic.calls,
    from: traffic.first,
    to: traffic.last,
    purposes: purposesOf(traffic),
    delegation: { parents: [...traffic.parents.keys()].filter((name) => namePattern.test(name)).sort(), maxDepth: traffic.deepest },
    egress,
    nowhere: traffic.addressed === 0,
    actions,
    leftOut: leftOut.slice(0, 100),
    perMinute: traffic.mostPerMinute,
    perDay: traffic.mostPerDay,
    limits: options.limits === true,
    remarks,
  };
  let best: Learned | undefined;
  for (const [text, left] of variants) {
    await pause();
    const written = draftText({ ...draft, remarks: left === "" ? remarks : [...remarks, left] }, text);
    const check = checkOn(written, traffic, options, actions);
    if (check === undefined) continue;
    const made = report(traffic, options, written, actions, leftOut, check, left === "" ? remarks : [...remarks, left]);
    if (check.allowed >= 0.99 * check.calls) return made;
    if (best === undefined || check.allowed > best.check.allowed) best = made;
  }
  if (best === undefined) throw new Error("no variant of the draft compiles");
  return best;
}

const noConditions = "What lies inside lists and objects is not bounded: it could not be written as a condition.";
const noEgress = "Destinations are not bounded: add an egress list.";

const variants: readonly (readonly [TextOptions, string])[] = [
  [{ conditions: true, egress: true }, ""],
  [{ conditions: false, egress: true }, noConditions],
  [{ conditions: true, egress: false }, noEgress],
  [{ conditions: false, egress: false }, `${noConditions} ${noEgress}`],
];

const mostChecked = 2_000;

/** Lets the engine decide calls that the draft was learned from; undefined when the draft has faults. */
function checkOn(
  text: string,
  traffic: Traffic,
  { tenant, agent }: LearnOptions,
  actions: readonly ActionDraft[],
): Learned["check"] | undefined {
  const compiled = compile([{ name: "learned.yaml", text }], { tenant });
  if (!compiled.ok) return undefined;
  const snapshot = prepareDraft(compiled.policies);
  const share = Math.max(1, Math.ceil(traffic.calls / mostChecked));
  const purpose = purposesOf(traffic)[0];
  let calls = 0;
  let allowed = 0;
  for (const { tool, action } of actions) {
    const samples = traffic.actions.get(`${tool}\n${action}`)?.arguments ?? [];
    for (let index = 0; index < samples.length; index += share) {
      const recorded = samples[index] as JsonObject;
      if (isRedacted(JSON.stringify(recorded))) continue;
      calls++;
      const principal = { tenant, agent, subject: agent, chain: [agent], depth: 0, scope: [scopeItem(tool, action)] };
      const { decision } = snapshot.evaluate({ principal, tool, action, arguments: recorded, context: { purpose }, now: 0, findings: [] });
      if (decision === "allow" || decision === "sanitize") allowed++;
    }
  }
  return { calls, allowed };
}

/** Purposes are listed when every call had one and they are few and come again and again. */
function purposesOf({ purposes, calls }: Traffic): string[] {
  const names = [...purposes.keys()];
  const complete = names.every((name) => name !== undefined && toolPattern.test(name) && (purposes.get(name) ?? 0) > 1);
  return complete && names.length <= mostPurposes && calls >= 20 * names.length ? (names as string[]).sort() : [];
}

function remarksOf(traffic: Traffic, noDestinations: boolean): string[] {
  const remarks: string[] = [];
  if (traffic.purposes.size > 0 && purposesOf(traffic).length === 0 && !(traffic.purposes.size === 1 && traffic.purposes.has(undefined)))
    remarks.push("Purposes are not bounded: some call named none, or they are too many.");
  if (noDestinations && traffic.addressed > 0) remarks.push("Destinations are not bounded: no list of hosts covers the ones to come.");
  if (traffic.unreadable > 0) remarks.push(`${thousands(traffic.unreadable)} calls went to a URL that an egress list refuses.`);
  if (traffic.incomplete > 0)
    remarks.push(`${thousands(traffic.incomplete)} calls are not recorded whole; what is hidden was not learned from.`);
  return remarks;
}

function report(
  traffic: Traffic,
  { mostBytes }: LearnOptions,
  draft: string,
  actions: readonly ActionDraft[],
  leftOut: readonly Counted[],
  check: Learned["check"],
  remarks: readonly string[],
): Learned {
  return {
    draft,
    calls: traffic.calls,
    refused: traffic.refused,
    dryRuns: traffic.dryRuns,
    from: traffic.first,
    to: traffic.last,
    tools: new Set(actions.map(({ tool }) => tool)).size,
    actions: actions.length,
    parameters: actions.reduce((sum, { parameters }) => sum + parameters.length, 0),
    bytes: Buffer.byteLength(draft),
    mostBytes,
    leftOut: leftOut.map(({ tool, action, calls }) => ({ tool, action, calls })),
    check,
    remarks,
  };
}
