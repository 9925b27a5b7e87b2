import type { TenantSecrets } from "@aegis/service/tenant-secrets";
import { createTransport } from "nodemailer";
import { alertLines, alertTitle } from "#domain/alert.ts";
import type { Channel } from "#domain/channel.ts";
import { type Asked, outcomeOf, reasonsOf, summaryOf, unusualOf } from "#domain/summary.ts";
import { visible } from "#domain/visible.ts";
import type { Courier, Sending, Sent } from "#usecases/channel-ports.ts";
import type { ApprovalRecord } from "#usecases/ports.ts";

interface EmailOptions {
  readonly secrets: TenantSecrets;
  readonly consoleUrl: string | undefined;
  /** Whether a server may be spoken to without TLS: in development. */
  readonly allowPlain: boolean;
}

/** Mail by SMTP, plain text. The secret is the server's URL with its login; the Message-ID is the idempotency key. */
export function emailCourier({ secrets, consoleUrl, allowPlain }: EmailOptions): Courier {
  const send = async ({ id, tenant, recipient }: Sending, { target }: Channel, subject: string, text: string): Promise<Sent> => {
    if (target.kind !== "email") return { ok: false, why: "the channel is of another kind" };
    const address = await secrets(tenant, target.smtp);
    // Its error would show the login to the log.
    if (!URL.canParse(address)) return { ok: false, why: "the server's URL is not usable" };
    const server = new URL(address);
    if (server.protocol !== "smtp:" && server.protocol !== "smtps:") return { ok: false, why: "the server's URL is not smtp or smtps" };
    const secure = server.protocol === "smtps:";
    const transport = createTransport({
      host: server.hostname,
      port: Number(server.port) || (secure ? 465 : 587),
      secure,
      requireTLS: !allowPlain,
      ...(server.username === "" ? {} : { auth: { user: decodeURIComponent(server.username), pass: decodeURIComponent(server.password) } }),
      connectionTimeout: 5_000,
      greetingTimeout: 5_000,
      socketTimeout: 10_000,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    try {
      await transport.sendMail({
        from: target.from,
        to: recipient,
        messageId: `<${id}@aegis.invalid>`,
        headers: { "Auto-Submitted": "auto-generated" },
        subject,
        text,
      });
      return { ok: true };
    } finally {
      transport.close();
    }
  };
  return {
    approval: ({ delivery, channel, approval }) => {
      const subject = `${approval.tool}:${approval.action} by ${approval.requester.agent} ${outcomeOf({ ...approval, decidedBy: [] })}`;
      return send(delivery, channel, subject, textOf(approval, consoleUrl));
    },
    alert: ({ sending, channel }) => {
      const subject = alertTitle(sending.alert);
      const lines = alertLines(sending.tenant, sending.alert).map(([name, value]) => `${name}: ${value}`);
      return send(sending, channel, subject.replaceAll("\n", " "), [`${subject}.`, "", ...lines].join("\n"));
    },
  };
}

function textOf(approval: Asked & Pick<ApprovalRecord, "id">, consoleUrl: string | undefined): string {
  const place = consoleUrl === undefined ? "" : `\n${consoleUrl.replace(/\/$/, "")}/approvals/${approval.id}`;
  const different = unusualOf(approval);
  return [
    approval.state === "pending" ? "A call waits for a yes." : visible(`The call ${outcomeOf(approval)}.`, 1_000),
    "",
    ...summaryOf(approval).map(([name, value]) => `${name}: ${value}`),
    `Why: ${reasonsOf(approval)}`,
    "",
    `Arguments (redacted):\n${visible(JSON.stringify(approval.arguments, null, 1), 4_000)}`,
    ...(different === "" ? [] : ["", `Unusual for this agent:\n${different}`]),
    "",
    `Decide with: aegis approvals approve ${approval.id} (or deny)${place}`,
  ].join("\n");
}
