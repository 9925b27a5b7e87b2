import { readdirSync, readFileSync } from "node:fs";
import { parseIJson } from "@aegis/canonical/ijson";
import { parse } from "yaml";
import type { EvaluationInput, Verdict } from "../src/input.ts";
import type { PolicySet } from "../src/ir.ts";
import { compile, type PolicyFile } from "../src/language/compile.ts";

const root = new URL("../../../vectors/policy/", import.meta.url);

export interface ExpectedReason {
  readonly code: string;
  readonly pointer?: string;
  readonly rule?: string;
}

export interface Expected {
  readonly decision: string;
  readonly reasons: readonly ExpectedReason[];
  readonly shadow?: { readonly decision: string; readonly reasons: readonly ExpectedReason[] } | null;
  readonly redactions?: readonly (readonly [string, string, string])[];
  readonly approval?: Verdict["approval"];
  readonly charges?: readonly (readonly [string, string, string, number])[];
  readonly obligations?: readonly string[];
  readonly durability?: string;
  readonly overridable?: boolean;
  readonly cost?: Verdict["cost"];
}

export interface DecisionVectors {
  readonly name: string;
  readonly description: string;
  readonly policies: PolicySet;
  readonly cases: readonly {
    readonly name: string;
    readonly input: EvaluationInput;
    /** The same as JSON text, in which the arguments' numbers are spelled as the case spells them. */
    readonly sent: string;
    readonly expect: Expected;
  }[];
}

export interface FaultVectors {
  readonly name: string;
  readonly cases: readonly {
    readonly name: string;
    readonly files: readonly PolicyFile[];
    readonly faults: readonly { readonly at: string; readonly code: string; readonly message?: string; readonly hint?: string }[];
  }[];
}

export const documentText = (name: string): string => readFileSync(new URL(`documents/${name}`, root), "utf8");

/** Every file of `vectors/policy/decisions`, compiled and with its calls written out. */
export function decisionVectors(): DecisionVectors[] {
  return read("decisions").map(({ name, content }) => {
    const { description, policies, call, cases } = content as {
      description: string;
      policies: { file?: string; name: string; text: string }[];
      call: Call;
      cases: { name: string; call?: Call; expect: Expected }[];
    };
    const files = policies.map(({ file, ...given }) => (file === undefined ? given : { name: file, text: documentText(file) }));
    const compiled = compile(files, { tenant: "acme" });
    if (!compiled.ok) throw new Error(`${name} does not compile: ${JSON.stringify(compiled.faults, null, 1)}`);
    return {
      name,
      description,
      policies: compiled.policies,
      cases: cases.map((each) => ({ name: each.name, ...sentCall({ ...call, ...each.call }), expect: each.expect })),
    };
  });
}

export const faultVectors = (): FaultVectors[] =>
  read("faults").map(({ name, content }) => ({ ...(content as Omit<FaultVectors, "name">), name }));

function read(directory: string): { name: string; content: unknown }[] {
  const names = readdirSync(new URL(`${directory}/`, root)).filter((name) => name.endsWith(".yaml"));
  return names.map((name) => ({
    name,
    content: parse(readFileSync(new URL(`${directory}/${name}`, root), "utf8"), { maxAliasCount: -1 }),
  }));
}

interface Call {
  readonly tenant?: string;
  readonly agent: string;
  readonly subject?: string;
  readonly chain?: readonly string[];
  readonly depth?: number;
  readonly scope?: readonly string[];
  readonly issuedAt?: number;
  readonly now?: number;
  readonly tool: string;
  readonly action: string;
  readonly arguments?: EvaluationInput["arguments"];
  readonly arguments_text?: string;
  readonly destination?: EvaluationInput["destination"];
  readonly purpose?: string | null;
  readonly promptId?: string | null;
  readonly sessionId?: string;
  readonly session?: { readonly labels?: readonly string[]; readonly calls?: readonly string[] };
  readonly drift?: boolean;
  readonly estimate?: EvaluationInput["estimate"];
  readonly findings?: readonly (readonly [string, string, number?, number?])[];
}

function sentCall(call: Call): { input: EvaluationInput; sent: string } {
  const text = call.arguments_text;
  const { arguments: given, ...rest } = inputOf(text === undefined ? call : { ...call, arguments: parseIJson(text) });
  return {
    input: { ...rest, arguments: given },
    sent: `${JSON.stringify(rest).slice(0, -1)},"arguments":${text ?? JSON.stringify(given)}}`,
  };
}

function inputOf(call: Call): EvaluationInput {
  const chain = call.chain ?? [call.agent];
  return {
    principal: {
      tenant: call.tenant ?? "acme",
      agent: call.agent,
      subject: call.subject ?? chain.at(-1) ?? call.agent,
      chain,
      depth: call.depth ?? chain.length - 1,
      scope: call.scope ?? [`${call.tool.replaceAll(":", "%3A")}:*`],
      ...(call.issuedAt !== undefined && { issuedAt: call.issuedAt }),
    },
    tool: call.tool,
    action: call.action,
    arguments: call.arguments ?? {},
    ...(call.destination && { destination: call.destination }),
    context: {
      ...(call.purpose && { purpose: call.purpose }),
      ...(typeof call.promptId === "string" && { promptId: call.promptId }),
      ...(call.sessionId !== undefined && { sessionId: call.sessionId }),
    },
    ...(call.session && { session: { labels: [], calls: [], ...call.session } }),
    ...(call.drift !== undefined && { drift: call.drift }),
    ...(call.estimate && { estimate: call.estimate }),
    now: call.now ?? 1_800_000_000_000,
    findings: (call.findings ?? []).map(([detector, pointer, start = 0, end = 1]) => ({ detector, pointer, start, end, inKey: false })),
  };
}
