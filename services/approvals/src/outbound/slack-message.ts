import { type Alert, alertLines, alertTitle } from "#domain/alert.ts";
import { type Asked, outcomeOf, reasonsOf, summaryOf, unusualOf } from "#domain/summary.ts";
import { visible } from "#domain/visible.ts";

const plain = (text: string) => ({ type: "plain_text" as const, text, emoji: false });

/**
 * An approval as a Block Kit message. Whatever came from outside is plain text: it names no user, makes no link and hides nothing.
 * The buttons carry the approval's id and this message's nonce, and are there while people can still decide.
 */
export function slackMessage(approval: Asked & { readonly id: string }, nonce: string) {
  const { state } = approval;
  const button = (decision: "approve" | "deny") => ({
    type: "button" as const,
    action_id: `aegis_${decision}`,
    text: plain(decision === "approve" ? "Approve" : "Deny"),
    style: decision === "approve" ? ("primary" as const) : ("danger" as const),
    value: `${approval.id}.${nonce}`,
  });
  const different = unusualOf(approval);
  const unusual = different === "" ? [] : [{ type: "section" as const, text: plain(`Unusual for this agent:\n${different}`) }];
  const call = `${approval.tool}:${approval.action}`;
  return {
    text: fallback(`${call} by ${approval.requester.agent} ${outcomeOf(approval)}`),
    blocks: [
      { type: "header" as const, text: plain(visible(state === "pending" ? "A call waits for a yes" : `A call was held: ${state}`, 150)) },
      { type: "section" as const, fields: summaryOf(approval).map(([name, value]) => plain(`${name}: ${value}`)) },
      { type: "section" as const, text: plain(`Why: ${reasonsOf(approval)}`) },
      {
        type: "section" as const,
        text: plain(`Arguments (redacted):\n${visible(JSON.stringify(approval.arguments, null, 1), 2_500)}`),
      },
      ...unusual,
      state === "pending"
        ? { type: "actions" as const, block_id: "aegis_decide", elements: [button("approve"), button("deny")] }
        : { type: "section" as const, text: plain(visible(outcomeOf(approval), 1_000)) },
      { type: "context" as const, elements: [plain(`approval ${approval.id}`)] },
    ],
  };
}

/** An alert as a Block Kit message. */
export const slackAlert = (tenant: string, alert: Alert) => ({
  text: fallback(alertTitle(alert)),
  blocks: [
    { type: "header" as const, text: plain(visible(alertTitle(alert), 150)) },
    { type: "section" as const, fields: alertLines(tenant, alert).map(([name, value]) => plain(`${name}: ${value}`)) },
  ],
});

/** Slack reads the fallback as mrkdwn. */
const fallback = (text: string): string => visible(text, 600).replace(/[&<>]/g, (sign) => escapes[sign] ?? "");

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
