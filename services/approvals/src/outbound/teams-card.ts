import { type Alert, alertLines, alertTitle } from "#domain/alert.ts";
import { type Asked, outcomeOf, reasonsOf, summaryOf, unusualOf } from "#domain/summary.ts";
import { visible } from "#domain/visible.ts";

const line = (text: string, bold = false) => ({
  type: "RichTextBlock" as const,
  // Unlike a TextBlock, a TextRun knows no markup: what came from outside makes no link.
  inlines: [{ type: "TextRun" as const, text, ...(bold ? { weight: "Bolder" as const } : {}) }],
});

/** An approval as an Adaptive Card, wrapped as a Workflows webhook takes it. It has no buttons that vote: such a webhook hears no answer. */
export function teamsMessage(approval: Asked & { readonly id: string }, consoleUrl: string | undefined) {
  const { state, id } = approval;
  const different = unusualOf(approval);
  const card = {
    $schema: "http://adaptivecards.io/schemas/adaptive-card.json" as const,
    type: "AdaptiveCard" as const,
    version: "1.4" as const,
    body: [
      line(state === "pending" ? "A call waits for a yes" : `A call was held: ${state}`, true),
      ...summaryOf(approval).map(([name, value]) => line(`${name}: ${value}`)),
      line(`Why: ${reasonsOf(approval)}`),
      line(`Arguments (redacted):\n${visible(JSON.stringify(approval.arguments, null, 1), 2_000)}`),
      ...(different === "" ? [] : [line(`Unusual for this agent:\n${different}`)]),
      line(state === "pending" ? `Decide with: aegis approvals approve ${id} (or deny)` : visible(outcomeOf(approval), 600)),
    ],
    ...(consoleUrl === undefined
      ? {}
      : {
          actions: [
            { type: "Action.OpenUrl" as const, title: "Open", url: `${consoleUrl.replace(/\/$/, "")}/approvals/${encodeURIComponent(id)}` },
          ],
        }),
  };
  return asMessage(card);
}

/** An alert as an Adaptive Card. */
export const teamsAlert = (tenant: string, alert: Alert) =>
  asMessage({
    $schema: "http://adaptivecards.io/schemas/adaptive-card.json" as const,
    type: "AdaptiveCard" as const,
    version: "1.4" as const,
    body: [line(alertTitle(alert), true), ...alertLines(tenant, alert).map(([name, value]) => line(`${name}: ${value}`))],
  });

const asMessage = <C extends object>(card: C) => ({
  type: "message" as const,
  attachments: [{ contentType: "application/vnd.microsoft.card.adaptive" as const, contentUrl: null, content: card }],
});
