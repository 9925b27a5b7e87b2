import { type Call, type CheckAnswer, checkCall } from "../clients/authz.ts";
import { issueToken } from "../clients/tokens.ts";
import { describeAnswer } from "../commands/check.ts";
import type { Context } from "../context.ts";

/** One thing that happened in the story. */
export interface DemoStep {
  name: string;
  /** A decision, or what else came of the step: "done", "refused", "approved". */
  decision: string;
  /** What the story says it should be. */
  expected: string;
  reasons: { code: string; message: string }[];
  redactions?: { pointer: string; detector: string; count: number }[];
  arguments?: unknown;
  shadow?: CheckAnswer["shadow"];
  approval?: CheckAnswer["approval"];
  decisionId?: string;
}

/** A call as the story tells it. */
export interface DemoCall extends Omit<Call, "token" | "argumentsJson"> {
  agent: string;
  arguments: Record<string, unknown>;
  /** Instead of the agent's own token. */
  token?: string;
}

/** Tells the story while it happens and keeps what came of each step. */
export class DemoStage {
  readonly context: Context;
  readonly tenant: string;
  readonly prompt: string;
  readonly steps: DemoStep[] = [];

  constructor(context: Context, tenant: string, prompt: string) {
    this.context = context;
    this.tenant = tenant;
    this.prompt = prompt;
  }

  chapter(title: string, text: string): void {
    const { output } = this.context;
    output.line();
    output.line(output.style("bold", title));
    output.line(output.style("dim", text));
  }

  /** Asks for one call and notes the answer beside what the story expects. */
  async call(name: string, expected: string, call: DemoCall): Promise<CheckAnswer> {
    const { agent, arguments: given, token, ...rest } = call;
    const bearer = token ?? (await issueToken(this.context, { tenant: this.tenant, agent, prompt: this.prompt })).access_token;
    const answer = await checkCall(this.context, { prompt: this.prompt, ...rest, token: bearer, argumentsJson: JSON.stringify(given) });
    const { decision, reasons, redactions, shadow, approval, decisionId } = answer;
    this.#tell(
      {
        name,
        decision,
        expected,
        reasons,
        ...(redactions.length > 0 ? { redactions, arguments: answer.arguments } : {}),
        ...(shadow ? { shadow } : {}),
        ...(approval ? { approval } : {}),
        decisionId,
      },
      `${agent} → ${call.tool}:${call.action} ${JSON.stringify(given)}${call.url ? ` to ${call.url}` : ""}`,
      describeAnswer(answer, this.context.output),
    );
    return answer;
  }

  /** Notes a step that is no call. */
  note(name: string, decision: string, expected: string, text: string, reasons: DemoStep["reasons"] = []): void {
    this.#tell({ name, decision, expected, reasons }, text, "");
  }

  /** The steps that came out otherwise than the story says. */
  surprises(): DemoStep[] {
    return this.steps.filter(({ decision, expected }) => decision !== expected);
  }

  #tell(step: DemoStep, what: string, answer: string): void {
    const { output } = this.context;
    this.steps.push(step);
    output.line();
    output.line(`${String(this.steps.length).padStart(2)}. ${output.style("bold", step.name)}`);
    output.line(`    ${what}`);
    if (answer !== "") output.line(answer.replace(/^/gm, "    "));
    if (step.decision !== step.expected) output.line(output.style("red", `    expected ${step.expected}, got ${step.decision}`));
  }
}
