import type { Poster } from "@aegis/http/outward";
import type { TenantSecrets } from "@aegis/service/tenant-secrets";
import { Webhook } from "standardwebhooks";
import type { Channel } from "#domain/channel.ts";
import type { Courier, Sending, Sent } from "#usecases/channel-ports.ts";

/** Larger arguments are left out; the approval itself shows them. */
const maxArgumentsLength = 64 * 1024;

/** Signed webhooks as Standard Webhooks has them: `webhook-id` is the idempotency key. */
export function webhookCourier(secrets: TenantSecrets, post: Poster): Courier {
  const send = async ({ id, tenant }: Sending, { target }: Channel, now: number, type: string, data: object): Promise<Sent> => {
    if (target.kind !== "webhook") return { ok: false, why: "the channel is of another kind" };
    const secret = new Webhook(await secrets(tenant, target.secret));
    const at = new Date(now);
    const body = JSON.stringify({ type, timestamp: at.toISOString(), data });
    const { status } = await post({
      url: target.url,
      headers: {
        "content-type": "application/json",
        "user-agent": "aegis-approvals",
        "webhook-id": id,
        "webhook-timestamp": String(Math.floor(now / 1000)),
        "webhook-signature": secret.sign(id, at, body),
      },
      body,
    });
    return status >= 200 && status < 300 ? { ok: true } : { ok: false, why: `the endpoint answered ${status}` };
  };
  return {
    approval: ({ delivery, channel, approval, now }) => send(delivery, channel, now, `approval.${delivery.notice}`, dataOf(approval)),
    alert: ({ sending, channel, now }) => {
      const { alert, tenant } = sending;
      if (!("cause" in alert))
        return send(sending, channel, now, alert.percent === undefined ? "budget.exhausted" : "budget.threshold", { tenant, ...alert });
      const { scope, cause, at, until } = alert;
      return send(sending, channel, now, "breaker.tripped", { tenant, scope, cause, at, until });
    },
  };
}

function dataOf(approval: Parameters<Courier["approval"]>[0]["approval"]): object {
  const { requester } = approval;
  const whole = JSON.stringify(approval.arguments).length <= maxArgumentsLength;
  return {
    id: approval.id,
    state: approval.state,
    tenant: approval.tenant,
    agent: requester.agent,
    subject: requester.subject,
    tool: approval.tool,
    action: approval.action,
    ...(whole ? { arguments: approval.arguments } : { argumentsOmitted: true }),
    reasons: approval.reasons,
    ...(approval.comparison.length === 0 ? {} : { comparison: approval.comparison }),
    actionDigest: approval.actionDigest,
    queue: approval.queue,
    quorum: approval.quorum,
    votes: approval.votes.map(({ user, decision, comment, at }) => ({ user, decision, comment, at: new Date(at).toISOString() })),
    decidedBy: approval.decidedBy,
    requestedAt: new Date(approval.requestedAt).toISOString(),
    expiresAt: new Date(approval.expiresAt).toISOString(),
  };
}
