import type { ActionDraft, ParameterDraft } from "./action-draft.ts";
import type { Bound } from "./bound.ts";
import { thousands, yamlList, yamlQuoted, yamlText } from "./yaml-text.ts";

/** Everything a draft says, before it is text. */
export interface Draft {
  readonly agent: string;
  readonly tenant: string;
  readonly calls: number;
  readonly from: string;
  readonly to: string;
  readonly purposes: readonly string[];
  readonly delegation: { readonly parents: readonly string[]; readonly maxDepth: number };
  /** Undefined: no list of destinations could be learned, so none is written. */
  readonly egress: Bound | undefined;
  /** No call named a destination. */
  readonly nowhere: boolean;
  readonly actions: readonly ActionDraft[];
  readonly leftOut: readonly { readonly tool: string; readonly action: string; readonly calls: number }[];
  readonly perMinute: number;
  readonly perDay: number;
  /** Write the limits as rules, not as a remark. */
  readonly limits: boolean;
  readonly remarks: readonly string[];
}

export interface TextOptions {
  readonly conditions: boolean;
  readonly egress: boolean;
}

/** The draft as a document for a person to read and edit. Comments say what each rule rests on. */
export function draftText(draft: Draft, options: TextOptions): string {
  const lines = [
    `# A least-privilege draft, learned from ${thousands(draft.calls)} calls that ${draft.agent} made from ${draft.from} to ${draft.to}.`,
    "# It allows what was seen and what is like it, and nothing else. Read it, edit it, and try it before you publish it:",
    "#   aegis policy replay --policy THIS-FILE --days 7",
    ...draft.remarks.map((remark) => `# ${remark}`),
    ...draft.leftOut.map(
      ({ tool, action, calls }) => `# left out: ${tool}:${action} (${thousands(calls)} ${calls === 1 ? "call" : "calls"})`,
    ),
    "apiVersion: aegis.dev/v1",
    "kind: AgentPolicy",
    `metadata: { name: ${yamlText(`${draft.agent}-learned`)}, tenant: ${yamlText(draft.tenant)} }`,
    "spec:",
    `  agents: [${yamlText(draft.agent)}]`,
    "  mode: enforce",
    ...(draft.purposes.length > 0 ? [`  purposes: ${yamlList(draft.purposes)}`] : []),
    ...delegationLines(draft),
    ...(options.egress ? egressLines(draft) : []),
    ...limitLines(draft),
    "  tools:",
  ];
  for (const [tool, actions] of Map.groupBy(draft.actions, ({ tool }) => tool)) {
    const calls = actions.reduce((sum, action) => sum + action.calls, 0);
    lines.push(
      `    - name: ${yamlText(tool)} # ${thousands(calls)} calls`,
      `      justification: ${JSON.stringify(`learned from ${thousands(calls)} calls; say here what the agent needs it for`)}`,
      "      actions:",
      ...actions.flatMap((action) => actionLines(action, options)),
    );
  }
  return `${lines.join("\n")}\n`;
}

function delegationLines({ delegation: { parents, maxDepth } }: Draft): string[] {
  if (maxDepth === 0) return ["  delegation: { max_depth: 0 } # no call came from another agent"];
  return [`  delegation: { accept_from: ${yamlList(parents)}, max_depth: ${Math.min(3, maxDepth)} }`];
}

function egressLines({ egress, nowhere }: Draft): string[] {
  if (nowhere) return ["  egress: { allow: [] } # no call named a destination"];
  if (egress === undefined) return [];
  return ["  egress:", "    allow:", ...egress.members.map(([, entry]) => `      - ${entry}`)];
}

/** Observed once, a rate is no rule yet: it is a remark unless it was asked for. */
function limitLines({ perMinute, perDay, limits }: Draft): string[] {
  const mark = limits ? "" : "# ";
  return [
    `  # The busiest minute had ${thousands(perMinute)} ${perMinute === 1 ? "call" : "calls"}, the busiest day ${thousands(perDay)}; twice that, rounded up:`,
    `  ${mark}limits: [{ rate: ${roundUp(2 * perMinute)}/m }, { budget: daily, actions: ${roundUp(2 * perDay)} }]`,
  ];
}

function roundUp(value: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, value))) - 1);
  return Math.max(1, Math.ceil(value / unit) * unit);
}

function actionLines({ action, calls, samples, parameters, open, when }: ActionDraft, options: TextOptions): string[] {
  const lines = [`        - name: ${yamlText(action)} # ${thousands(calls)} ${calls === 1 ? "call" : "calls"}`];
  if (parameters.length > 0) lines.push("          parameters:", ...parameters.map((parameter) => parameterLine(parameter, samples)));
  if (open) lines.push("          additional_parameters: allow # names of parameters are data here: too many to list");
  if (options.conditions && when !== "") lines.push(`          when: ${yamlQuoted(when)}`);
  return lines;
}

function parameterLine({ name, present, optional, bound }: ParameterDraft, samples: number): string {
  const members = [...bound.members.map(([key, value]) => `${key}: ${value}`), ...(optional ? ["optional: true"] : [])];
  const comment = `in ${thousands(present)} of ${thousands(samples)}: ${bound.note}`.replace(/[\r\n]/g, " ");
  return `            ${yamlText(name)}: { ${members.join(", ")} } # ${comment}`;
}
