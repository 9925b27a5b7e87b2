import { ToolMessage } from "@langchain/core/messages";
import { type AgentMiddleware, createMiddleware } from "langchain";
import type { AegisClient, GuardOptions, ToolCall } from "./client.ts";
import { AegisRefusal } from "./refusal.ts";

export interface AegisMiddlewareOptions extends GuardOptions {
  readonly client: AegisClient;
  /** Says what a tool call of the model means to the policy. A tool without a meaning is not executed. */
  readonly describeCall: (toolCall: {
    readonly name: string;
    readonly args: Readonly<Record<string, unknown>>;
  }) => Pick<ToolCall, "tool" | "action" | "destination" | "context"> | undefined;
}

/**
 * LangChain middleware that asks before every tool call and executes only what may be executed, with the arguments that may be sent.
 * A refusal becomes an error message the model can read; any failure, expected or not, refuses.
 */
export function aegisMiddleware(options: AegisMiddlewareOptions): AgentMiddleware {
  return createMiddleware({
    name: "aegis",
    wrapToolCall: async (request, handler) => {
      const { toolCall } = request;
      const refuse = (why: string) =>
        new ToolMessage({ tool_call_id: toolCall.id ?? "", name: toolCall.name, status: "error", content: `Not executed. ${why}` });
      let executing = false;
      try {
        const meaning = options.describeCall({ name: toolCall.name, args: toolCall.args });
        if (meaning === undefined) return refuse(`The policy knows no tool "${toolCall.name}".`);
        const call: ToolCall = { ...meaning, arguments: toolCall.args, context: { ...meaning.context, toolCallId: toolCall.id ?? "" } };
        return await options.client.guard(
          call,
          async (args) => {
            executing = true;
            return handler({ ...request, toolCall: { ...toolCall, args: { ...args } } });
          },
          options,
        );
      } catch (error) {
        // The tool's own failure is the agent's business; everything before it means that nothing was executed.
        if (executing) throw error;
        return refuse(error instanceof AegisRefusal ? error.message : "No decision could be had.");
      }
    },
  });
}
