import { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { AIMessage, type BaseMessage, type ToolMessage } from "@langchain/core/messages";
import type { ChatResult } from "@langchain/core/outputs";

/** One thing the model wants to do. */
export interface Step {
  readonly name: string;
  readonly args: Record<string, unknown>;
}

/** A chat model that plays a script instead of thinking: it calls one tool after the other, then says what it was told. Needs no network. */
export class ScriptedModel extends BaseChatModel {
  readonly #script: readonly Step[];

  constructor(script: readonly Step[]) {
    super({});
    this.#script = script;
  }

  override _llmType(): string {
    return "scripted";
  }

  override bindTools(): this {
    return this;
  }

  override async _generate(messages: BaseMessage[]): Promise<ChatResult> {
    const answered = messages.filter((message): message is ToolMessage => message.getType() === "tool");
    const step = this.#script[answered.length];
    const message =
      step === undefined
        ? new AIMessage(answered.map((answer) => `${answer.name}: ${answer.text}`).join("\n"))
        : new AIMessage({
            content: "",
            tool_calls: [{ id: `call-${answered.length + 1}`, name: step.name, args: step.args, type: "tool_call" }],
          });
    return { generations: [{ text: message.text, message }] };
  }
}
