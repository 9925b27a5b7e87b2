import { z } from "zod";
import type { Click } from "#usecases/click.ts";

const blockActions = z.object({
  type: z.literal("block_actions"),
  user: z.object({ id: z.string().regex(/^[A-Z0-9]{1,32}$/) }),
  actions: z
    .array(
      z.object({
        action_id: z.enum(["aegis_approve", "aegis_deny"]),
        value: z.string().regex(/^[0-9a-f-]{36}\.[\w-]{22}$/),
      }),
    )
    .length(1),
});

/** The click an interaction payload tells of; undefined when it tells of none of ours. */
export function clickOf(payload: unknown): Click | undefined {
  const parsed = blockActions.safeParse(payload);
  const [pressed] = parsed.data?.actions ?? [];
  if (parsed.data === undefined || pressed === undefined) return undefined;
  const [approvalId = "", nonce = ""] = pressed.value.split(".");
  if (!z.uuid().safeParse(approvalId).success) return undefined;
  return { approvalId, nonce, decision: pressed.action_id === "aegis_approve" ? "approve" : "deny", member: parsed.data.user.id };
}

/** The same, from the form Slack posts. */
export function clickOfForm(body: string): Click | undefined {
  try {
    return clickOf(JSON.parse(new URLSearchParams(body).get("payload") ?? ""));
  } catch {
    return undefined;
  }
}
